"""The journal of ``--ephemeral``: everything is in memory, within bounds, and is lost with a restart."""

from collections import Counter, OrderedDict
from collections.abc import Sequence

import structlog
import trio
from attrs import define, field

from ...schema.settings import Settings
from ..kernel.clock import Clock
from .event_log import EventLog
from .interface import Entry, JournalHealth, KeptAnswer, Overfull, SessionRow
from .outage import Outage
from .retention import NEARLY, level, trimmed

_log = structlog.get_logger("journal")


@define
class _Kept:
    row: SessionRow
    log: EventLog
    answers: OrderedDict[str, KeptAnswer] = field(factory=OrderedDict[str, KeptAnswer])


class MemoryJournal:
    def __init__(self, settings: Settings, clock: Clock, journal_id: str) -> None:
        self.journal_id = journal_id
        self.feed = EventLog(journal_id, settings.feed_bytes)
        self.outage = Outage(settings.journal_patience)  # which never comes
        self._settings = settings
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._bytes = 0
        self._expired = Counter[str]()

    def __repr__(self) -> str:
        return f"<MemoryJournal sessions={len(self._kept)} {self.feed!r}>"

    @property
    def writable(self) -> bool:
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            task_status.started()
            await trio.sleep_forever()
        finally:
            self.feed.close()
            for kept in self._kept.values():
                kept.log.close()

    def hurry(self) -> None:
        """Nothing to do: a write to memory never waits for room."""

    async def create(self, row: SessionRow) -> EventLog:
        log = EventLog(row.log_id, self._settings.log_bytes)
        log.updated_ms = row.created_ms
        self._kept[row.session_id] = _Kept(row, log)
        return log

    async def write(self, entry: Entry) -> None:
        kept = self._kept[entry.session_id]
        if entry.row is not None:
            kept.row = entry.row
        for answer in entry.answers:
            kept.answers[answer.key.name] = answer
        while len(kept.answers) > self._settings.answers_kept:
            kept.answers.popitem(last=False)
        if entry.events:
            now_ms = self._clock.now_ms()
            before = kept.log.size
            kept.log.append(entry.events, now_ms)
            self._bytes += kept.log.size - before
            self.feed.append(entry.events, now_ms)
            if self._bytes > self._settings.logs_bytes:
                self._shorten()

    def _shorten(self) -> None:
        """All logs together are too large: the largest lose their oldest events."""
        logs = [kept.log for kept in self._kept.values()]
        goal = level([log.size for log in logs], trimmed(self._settings.logs_bytes))
        for log in logs:
            log.shorten(goal)
        before, self._bytes = self._bytes, sum(log.size for log in logs)
        self._expired["logs_bytes"] += before - self._bytes
        _log.warning("the oldest events of the largest sessions are let go", setting="logs_bytes", left=self._bytes)

    async def delete(self, session_id: str) -> None:
        log = self._kept.pop(session_id).log
        self._bytes -= log.size
        log.close()

    def size_of(self, session_id: str) -> int:
        return self._kept[session_id].log.size

    def overfull(self, session_id: str) -> Overfull | None:
        """Always None: here events of a running turn expire like all others."""
        return None

    async def rows(self) -> Sequence[tuple[SessionRow, EventLog]]:
        return [(kept.row, kept.log) for kept in self._kept.values()]

    def row(self, session_id: str) -> SessionRow:
        return self._kept[session_id].row

    async def answer(self, session_id: str, name: str) -> KeptAnswer | None:
        kept = self._kept.get(session_id)
        return kept.answers.get(name) if kept is not None else None

    def health(self) -> JournalHealth:
        bound = self._settings.logs_bytes
        trouble = (
            f"the events of all sessions take {self._bytes} bytes of the {bound} that --logs-bytes allows; "
            "at the bound the oldest of the largest sessions are let go: delete sessions, or raise it"
        )
        living = sum(kept.log.size for kept in self._kept.values() if not kept.row.ended)
        return JournalHealth(
            (trouble,) if self._bytes > NEARLY * bound else (),
            {"bytes": self._bytes, "living": living},
            expired=self._expired,
        )
