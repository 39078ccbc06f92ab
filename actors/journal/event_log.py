"""The event log: the append-only sequence of events from which all readers read, each with its own cursor.

A subscriber is an integer, not a queue. When it is woken it takes everything beyond its cursor in one batch. So a slow
subscriber costs no memory, delays no other and loses nothing that is still kept. (With broadcast channels, measured in
another project, 11 % of a burst was lost with 50 subscribers.)

The newest events are in memory (the tail). Older ones are read from where the journal keeps them, if it does.
``append`` makes events visible, so its caller must have made them durable first.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

import trio
from attrs import frozen

from ...schema.encode import EncodedEvent


@frozen
class Batch:
    """Events in order, each with its position. No other kept event lies between two of them, or between the last one
    and ``last``, the cursor after the batch.

    The positions of a session's log are dense. Those of the feed have gaps where a session was deleted.
    """

    positions: Sequence[int]
    events: Sequence[EncodedEvent]
    last: int


class Expired(LookupError):
    """Something after the reader's cursor is no longer kept."""


class Older(Protocol):
    """Where a log reads events that are no longer in its tail."""

    async def read_older(self, log: "EventLog", after: int, max_bytes: int, *, raw: bool) -> Batch:
        """The events after position ``after``: at most ``max_bytes``, but at least one event if there is one. The
        events have their raw messages only with ``raw``."""
        ...


class EventLog:
    """Positions ascend from 1 and are never reused. ``tail_bytes`` bounds what is in memory; without ``older``, events
    that leave the tail are gone.

    ``first`` and ``last`` are the oldest and the newest position that may be kept. ``gone`` is the newest position that
    is no longer kept: a cursor before it has missed something. ``updated_ms`` is when the newest event was appended.
    """

    def __init__(
        self, log_id: str, tail_bytes: int, older: Older | None = None, *, first: int = 1, last: int = 0
    ) -> None:
        self.log_id = log_id
        self.first = first
        self.last = last
        self.gone = first - 1
        self.closed = False
        self.updated_ms = 0
        self._tail_bytes = tail_bytes
        self._older = older
        self._tail: deque[EncodedEvent] = deque()
        self._bytes = 0
        self._grown = trio.Event()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<EventLog {self.log_id} {state} {self.first}..{self.last}, {self._bytes} bytes in memory>"

    @property
    def size(self) -> int:
        """About how many bytes of memory the events of the tail take."""
        return self._bytes

    def append(self, events: Iterable[EncodedEvent], now_ms: int = 0) -> None:
        """Make events visible, and wake the readers once for all of these events."""
        self.updated_ms = now_ms or self.updated_ms
        for event in events:
            self._tail.append(event)
            self._bytes += event.size
            self.last += 1
        self.shorten(self._tail_bytes)
        self._wake()

    def shorten(self, max_bytes: int) -> None:
        """Remove the oldest events from memory until the tail has at most so many bytes; the newest event stays."""
        while self._bytes > max_bytes and len(self._tail) > 1:
            self._bytes -= self._tail.popleft().size
        if self._older is None:
            self.expire(self._tail_first - 1)

    def forget_tail(self) -> None:
        """Free the memory: the events are then read from the journal. Does nothing when they are kept nowhere else."""
        if self._older is not None:
            self._tail.clear()
            self._bytes = 0

    def expire(self, gone: int, first: int | None = None) -> None:
        """Position ``gone`` is no longer kept, nor anything before ``first``, which is ``gone + 1`` by default."""
        self.gone = max(self.gone, gone)
        self.first = max(self.first, gone + 1 if first is None else first)
        while self._tail and self._tail_first < self.first:
            self._bytes -= self._tail.popleft().size

    def give_up_older(self) -> None:
        """What is older than the tail can no longer be read."""
        self.expire(self._tail_first - 1)

    def resume(self, after: int) -> int:
        """The cursor from which a reader whose events are gone continues."""
        return max(after, self.first - 1)

    @property
    def _tail_first(self) -> int:
        """The tail is dense: deleting a session leaves gaps in the kept positions, never in those just appended."""
        return self.last - len(self._tail) + 1

    def read_tail(self, after: int, max_bytes: int, *, told: int = 0) -> Batch | None:
        """The events after position ``after``: at most ``max_bytes``, but at least one event if there is one. None when
        they are older than the tail.

        Raises :class:`Expired` when something after ``after`` is gone, unless it is no newer than ``told``: the reader
        was told of that already.
        """
        if after < self.gone > told:
            raise Expired(f"log {self.log_id} no longer keeps position {self.gone}, which follows {after}")
        if after >= self.last:
            return Batch((), (), after)
        skip = after - self._tail_first + 1
        if skip < 0:
            return None
        taken: list[EncodedEvent] = []
        size = 0
        # From the nearer end: readers are almost always close behind, and islice walks a deque from its start.
        behind = len(self._tail) - skip
        source = list(islice(reversed(self._tail), behind))[::-1] if behind < skip else islice(self._tail, skip, None)
        for event in source:
            size += event.size
            if taken and size > max_bytes:
                break
            taken.append(event)
        last = after + len(taken)
        return Batch(range(after + 1, last + 1), taken, last)

    async def read(self, after: int, max_bytes: int, *, raw: bool = True, told: int = 0) -> Batch:
        """As :meth:`read_tail`, from memory or from the disk. No trio checkpoint when it is in memory."""
        batch = self.read_tail(after, max_bytes, told=told)
        if batch is not None:
            return batch
        assert self._older is not None, "what has left the tail of such a log is gone"  # noqa: S101
        batch = await self._older.read_older(self, after, max_bytes, raw=raw)
        # Check again: events may have been deleted while they were read.
        return batch if not after < self.gone > told else await self.read(after, max_bytes, raw=raw, told=told)

    async def wait_beyond(self, after: int) -> None:
        """Return when there is an event after position ``after``, or when the log is closed."""
        while self.last <= after and not self.closed:
            await self._grown.wait()

    def close(self) -> None:
        """Close the log and wake every reader: the session was deleted, or the daemon stops."""
        self.closed = True
        self._wake()

    def statistics(self) -> dict[str, int]:
        return {
            "first": self.first,
            "last": self.last,
            "bytes": self._bytes,
            "waiting_readers": self._grown.statistics().tasks_waiting,
        }

    def _wake(self) -> None:
        self._grown.set()
        self._grown = trio.Event()
