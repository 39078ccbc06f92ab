"""Subscribers: the streams that are open now, and how far each is behind its log."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import trio
from attrs import define, frozen

from ...actors.public import EventLog
from ..guard.leases import Lease

StreamKind = Literal["sse", "all", "turn", "websocket"]
"""``all`` is the stream of all sessions, ``turn`` the answer to a prompt."""


@define(eq=False)
class Subscriber:
    """``cursor`` is up to where the connection has taken what it was given. ``fresh_at`` is when what it was given was
    last all that there was; while it is ``waiting`` it still is. The ``lease`` is its token's."""

    kind: StreamKind
    log: EventLog
    cursor: int
    fresh_at: float
    waiting: bool = False
    lease: Lease | None = None

    @property
    def events_behind(self) -> int:
        return 0 if self.waiting else max(self.log.last - self.cursor, 0)

    def seconds_behind(self, now: float) -> float:
        return max(now - self.fresh_at, 0.0) if self.events_behind else 0.0


@frozen
class Lag:
    """Of those that are furthest behind."""

    events: int = 0
    seconds: float = 0.0


class Subscribers:
    """Nothing is counted here while events flow: a stream sets its own attributes, and whoever asks looks at all."""

    def __init__(self) -> None:
        self._open: set[Subscriber] = set()

    def __repr__(self) -> str:
        return f"<Subscribers {len(self._open)} {self.lag()}>"

    @contextmanager
    def opened(self, kind: StreamKind, log: EventLog, cursor: int, lease: Lease | None = None) -> Generator[Subscriber]:
        """A stream, for as long as the block lasts."""
        subscriber = Subscriber(kind, log, cursor, trio.current_time(), lease=lease)
        self._open.add(subscriber)
        try:
            yield subscriber
        finally:
            self._open.discard(subscriber)

    def kinds(self) -> Counter[StreamKind]:
        return Counter(subscriber.kind for subscriber in self._open)

    def lag(self) -> Lag:
        if not self._open:
            return Lag()
        now = trio.current_time()
        events = max(subscriber.events_behind for subscriber in self._open)
        return Lag(events, max(subscriber.seconds_behind(now) for subscriber in self._open))
