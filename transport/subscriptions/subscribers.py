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
    """``cursor`` is the position up to which the connection has taken events. ``fresh_at`` is the last time at which it
    had all events; while it is ``waiting`` it still has. The ``lease`` is its token's."""

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
    """The lag of the subscribers that are furthest behind."""

    events: int = 0
    seconds: float = 0.0


class Subscribers:
    """Nothing is counted here while events flow: a stream sets its own attributes, and a scrape reads all of them."""

    def __init__(self) -> None:
        self._open: set[Subscriber] = set()

    def __repr__(self) -> str:
        return f"<Subscribers {len(self._open)} {self.lag()}>"

    @contextmanager
    def opened(self, kind: StreamKind, log: EventLog, cursor: int, lease: Lease | None = None) -> Generator[Subscriber]:
        """A subscriber while the block runs."""
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
