"""An outage: a time in which the journal cannot be written. Callers that wait for it are answered in bounded time."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import trio

from ...schema.problems import Problem, journal_unavailable, shutting_down


class Outage:
    """``cause`` is None when there is no outage. ``patience`` is in seconds. For the event loop's thread only."""

    def __init__(self, patience: float) -> None:
        self.cause: str | None = None
        self.stopping = False
        self._patience = patience
        self._waiting: dict[trio.CancelScope, float] = {}

    def __repr__(self) -> str:
        state = f"since {self.cause!r}" if self.cause is not None else "none"
        return f"<Outage {state}, {len(self._waiting)} waiting>"

    def begin(self, cause: str) -> None:
        if self.cause is None:
            for scope, patience in self._waiting.items():
                scope.deadline = trio.current_time() + patience
        self.cause = cause

    def end(self) -> None:
        self.cause = None
        for scope in self._waiting:
            scope.deadline = math.inf

    @contextmanager
    def limit(self, patience: float) -> Generator[trio.CancelScope]:
        """Cancels the block ``patience`` seconds after an outage begins; during an outage, ``patience`` seconds after
        now."""
        begun = self.cause is not None
        with trio.CancelScope(deadline=trio.current_time() + patience if begun else math.inf) as scope:
            self._waiting[scope] = patience
            try:
                yield scope
            finally:
                del self._waiting[scope]

    @contextmanager
    def bounded(self) -> Generator[None]:
        """For a block that waits for the journal. Raises the ``journal_unavailable`` problem when that takes too long;
        the write may still be done later."""
        with self.limit(self._patience) as scope:
            yield
        if scope.cancelled_caught:
            raise journal_unavailable(self.cause or "it was for a while", begun=True)

    def check(self) -> None:
        """Raises the ``journal_unavailable`` problem during an outage, before anything is begun."""
        if self.cause is not None:
            raise journal_unavailable(self.cause)

    def problem(self) -> Problem:
        """The problem that says why a write was not kept."""
        return journal_unavailable(self.cause or "it starts again") if not self.stopping else shutting_down()
