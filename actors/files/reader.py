"""Reading files that the daemon did not write, for the event loop: in a thread, with a timeout.

A file on a file system that does not answer blocks its thread, maybe for ever, and nothing else: the caller gets an
error after the timeout, a cancellation does not wait, and the same path is not tried again while it hangs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio
from attrs import define, field

from ...schema.foreign.not_readable import NotReadable
from ..machine.agent_user import Rights
from .foreign_file import list_directory, read_file

THREADS = 32
"""Threads at once, with a limiter of our own: threads that hang must not use up trio's default limiter."""

TRIES = 2
"""How many files of one batch may hang. After that the remaining files count as hanging too."""

T = TypeVar("T")


class ForeignFiles:
    """One for the whole daemon. ``timeout`` is in seconds; 0 waits for ever. ``rights`` are the rights with which files
    are read, when not the daemon's own."""

    def __init__(self, timeout: float, rights: Rights = nullcontext) -> None:
        self._rights = rights
        self._timeout = timeout or float("inf")
        self._threads = trio.CapacityLimiter(THREADS)
        self._hanging: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<ForeignFiles threads={self._threads.borrowed_tokens} hanging={sorted(self._hanging)}>"

    async def read(
        self, path: str | Path, limit: int, *, follow: bool = True, beneath: str | Path | None = None
    ) -> bytes | None:
        """As :func:`.read_file`; it also raises :class:`.NotReadable` when there is no answer in time."""
        return await self.run(str(path), partial(read_file, path, limit, follow=follow, beneath=beneath))

    async def list(self, path: str | Path, limit: int, *, beneath: str | Path | None = None) -> tuple[str, ...] | None:
        """As :func:`.list_directory`; it also raises :class:`.NotReadable` when there is no answer in time."""
        return await self.run(str(path), partial(list_directory, path, limit, beneath=beneath))

    async def read_all(self, paths: Iterable[str], limit: int) -> Mapping[str, bytes | NotReadable]:
        """The content of each file that exists, or why it cannot be read. Raises :class:`OSError` for a shortage."""
        found: dict[str, bytes | NotReadable] = {}
        left = tuple(paths)
        for _ in range(TRIES):
            found |= {path: self._no_answer() for path in left if path in self._hanging}
            batch = _Batch(tuple(path for path in left if path not in self._hanging), limit)
            try:
                in_time = await self._run(lambda at=batch: at.path, batch.read)
            finally:
                batch.wanted = False
            found |= dict(batch.found)
            if in_time:
                return found
            left = batch.paths
            if batch.path:
                found[batch.path] = self._no_answer()
                left = left[left.index(batch.path) + 1 :]
        return {**found, **{path: self._no_answer() for path in left}}

    async def run(self, path: str, work: Callable[[], T]) -> T:
        """Run in a thread what may block on a path, and return its result. Raises :class:`.NotReadable` when it does
        not return in time, and at once while an earlier call hangs on that path. ``work`` is abandoned after the
        timeout, so it must change nothing."""
        if path in self._hanging:
            raise self._no_answer()
        results: list[T] = []
        if not await self._run(lambda: path, lambda: results.append(work())):
            raise self._no_answer()
        return results[0]

    async def _run(self, at: Callable[[], str], work: Callable[[], None]) -> bool:
        """Whether it returned in time. ``at`` returns the path that is being read."""
        job = _Job(work, self._rights, self._hanging, trio.lowlevel.current_trio_token())
        try:
            with trio.move_on_after(self._timeout):
                await trio.to_thread.run_sync(job.run, limiter=self._threads, abandon_on_cancel=True)
                return True
            return False
        finally:
            if job.begun and not job.over:
                job.hang(at())  # also when its caller was cancelled

    def _no_answer(self) -> NotReadable:
        return NotReadable(f"cannot be read: there was no answer within {self._timeout:g} s")


@define
class _Job:
    """``begun`` and ``over`` are set in the loop's thread."""

    _work: Callable[[], None]
    _rights: Rights
    _hanging: Counter[str]
    _token: trio.lowlevel.TrioToken
    _path: str | None = None
    begun: bool = False
    over: bool = False

    def run(self) -> None:
        self.begun = True
        try:
            with self._rights():
                self._work()
        finally:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._end)

    def hang(self, path: str) -> None:
        self._path = path
        self._hanging[path] += 1

    def _end(self) -> None:
        self.over = True
        if self._path is not None:
            self._hanging[self._path] -= 1
            if not self._hanging[self._path]:
                del self._hanging[self._path]


@define
class _Batch:
    """Files that are read one after the other. ``path`` is the current one; empty before the first. Reading stops when
    it is no longer ``wanted``."""

    paths: tuple[str, ...]
    limit: int
    path: str = ""
    wanted: bool = True
    found: dict[str, bytes | NotReadable] = field(factory=dict[str, "bytes | NotReadable"])

    def read(self) -> None:
        for path in self.paths:
            if not self.wanted:
                break
            self.path = path
            try:
                content = read_file(path, self.limit)
            except NotReadable as error:
                content = error
            if content is not None:
                self.found[path] = content
