"""Retention by bytes: cuts living sessions that have more events on disk than they may, one by one or together.

The oldest events of a session go, but never those of what a later life of it has to read: the turn that runs, and what
is open. When these alone are too much, the session is told, and ends its turn. To what
size each is cut stands in :mod:`.retention`.
"""

import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio
from attrs import define

from ...schema.settings import Settings
from .event_log import EventLog
from .interface import Overfull, SessionRow
from .retention import nearly_full, size_of_each, size_of_one
from .sqlite import Cut
from .sqlite_reader import SqliteReader, cannot_read_now

_log = structlog.get_logger("journal")


@define(eq=False)
class Kept:
    """``sequence`` and ``position`` are where its last event stands in its log and in the feed, and ``bytes`` is what
    its events take on disk: all that with what is queued. ``unsettled`` are the bytes of those that must stay.
    ``overfull`` is what they alone are too much for."""

    number: int
    row: SessionRow
    log: EventLog
    sequence: int = 0
    bytes: int = 0
    position: int = 0
    unsettled: int = 0
    overfull: Overfull | None = None

    def written(self, size: int) -> None:
        """Events were queued, with the row that is kept beside them."""
        self.bytes += size
        self.unsettled += size
        if self.row.settled >= self.sequence:
            self.unsettled = 0
            self.overfull = None


class SizeRetention:
    def __init__(
        self, settings: Settings, kept: Mapping[str, Kept], let_go: Callable[[Kept, Cut], Awaitable[bool]]
    ) -> None:
        """``let_go`` forgets the events of a cut; false when it cannot now."""
        self.expired = Counter[str]()
        """Bytes, by the setting that they were too much for."""
        self._settings = settings
        self._each = settings.session_bytes
        self._together = settings.sessions_bytes
        self._kept = kept
        self._let_go = let_go
        self._living = 0
        self._too_large = trio.Event()

    def __repr__(self) -> str:
        return f"<SizeRetention living={self._living} expired={self.expired.total()}>"

    @property
    def living(self) -> int:
        """Bytes that the events of all living sessions take."""
        return sum(kept.bytes for kept in self._living_sessions())

    def _living_sessions(self) -> list[Kept]:
        return [kept for kept in self._kept.values() if not kept.row.ended]

    def trouble(self) -> str | None:
        if not nearly_full(living := self.living, self._settings):
            return None
        return (
            f"the events of living sessions take {living} bytes of the {self._together} that --sessions-bytes allows; "
            "at the bound the oldest of the largest sessions are let go: end sessions, or raise it"
        )

    def written(self, kept: Kept, size: int) -> None:
        kept.written(size)
        self._living += size  # too much after one has ended: that is found out when it is looked at
        if self._each and kept.bytes > self._each:
            if kept.unsettled > self._each:
                kept.overfull = Overfull("session_bytes", self._each)
            self._too_large.set()
        if self._together and self._living > self._together:
            self._too_large.set()

    async def run(self, reader: SqliteReader) -> None:
        # What a former life left, or a former life of the daemon with larger bounds.
        self._too_large.set()
        while True:
            await self._too_large.wait()
            self._too_large = trio.Event()
            try:
                await self._trim_each(reader)
                await self._trim_all(reader)
            except (sqlite3.Error, RuntimeError) as error:
                if not cannot_read_now(error):
                    raise
                # What is too large now is so at the next write as well.
                _log.warning("the oldest events of a session stay for now", error=str(error))

    async def _trim_each(self, reader: SqliteReader) -> None:
        goal = size_of_one(self._settings)
        for kept in [kept for kept in self._kept.values() if self._each and kept.bytes > self._each]:
            await self._shorten(reader, kept, goal, "session_bytes")

    async def _trim_all(self, reader: SqliteReader) -> None:
        """The largest give way, so that nobody takes the room of others."""
        self._living = self.living
        if not self._together or self._living <= self._together:
            return
        sessions = self._living_sessions()
        goal = size_of_each([kept.bytes for kept in sessions], self._settings)
        for kept in sessions:
            if kept.bytes > goal:
                await self._shorten(reader, kept, goal, "sessions_bytes")
                if kept.unsettled > goal:
                    kept.overfull = kept.overfull or Overfull("sessions_bytes", self._together)
        self._living = self.living

    async def _shorten(self, reader: SqliteReader, kept: Kept, goal: int, setting: str) -> None:
        before = kept.bytes
        while (excess := kept.bytes - goal) > 0:
            cut = await reader.cut(kept.number, excess, kept.row.settled)
            if cut is None or self._kept.get(kept.row.session_id) is not kept or not await self._let_go(kept, cut):
                break
        if (gone := before - kept.bytes) > 0:
            self.expired[setting] += gone
            _log.warning(
                "the oldest events of a session are let go",
                session_id=kept.row.session_id,
                setting=setting,
                bytes=gone,
                left=kept.bytes,
            )
