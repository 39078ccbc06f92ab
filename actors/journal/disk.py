"""The journal on disk: an SQLite file in the data directory, one thread that writes it, and event logs.

A write changes the memory in two steps. The session's row is noted when the write is queued, because the next write is
compared with it and writes are done in that order. The events become visible when their commit is done.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import frozen

from ...schema.problems import Problem, invalid_request
from ...schema.settings import Settings
from ..files.directory_lock import DirectoryLock
from ..kernel.clock import Clock
from ..kernel.failpoints import Failpoints
from ..kernel.histogram import Histogram
from ..machine.descriptor_reserve import thread_or_here
from .checkpointer import Checkpointer
from .event_log import Batch, EventLog
from .group_commit import GroupCommit, Job, Refused
from .integrity_check import IntegrityCheck
from .interface import CommandKey, Entry, JournalHealth, JournalUnavailable, KeptAnswer, Overfull, SessionRow
from .outage import Outage
from .quarantine import mark_unsound, set_aside, unsound
from .row_codec import RowCodec, Segment
from .session_rows import StoredSession
from .size_retention import Kept, SizeRetention
from .sqlite import TRANSACTION_BYTES, Cut, SqliteStore, Written
from .sqlite_file import FILE, Damaged, is_damage
from .sqlite_reader import Place, SqliteReader
from .tail_budget import TailBudget

_log = structlog.get_logger("journal")


@frozen
class _Opened:
    store: SqliteStore
    check: IntegrityCheck
    last_number: int
    sessions: Sequence[StoredSession]
    bounds: tuple[int, int, int]


class DiskJournal:
    """Everything else works only while ``run`` runs. Meanwhile ``directory`` is used by this daemon only."""

    def __init__(self, directory: Path, settings: Settings, clock: Clock, failpoints: Failpoints) -> None:
        self.journal_id = ""
        self.feed = EventLog("", 0)
        self.directory = directory
        self._settings = settings
        self._clock = clock
        self._failpoints = failpoints
        self._codec = RowCodec()
        self._kept: dict[str, Kept] = {}
        self._places: dict[str, Place] = {}
        self._tails = TailBudget(settings.tails_bytes)
        self._position = 0
        self._number = 0
        self._writer: GroupCommit | None = None
        self._reader = SqliteReader(directory / FILE)
        self.outage = Outage(settings.journal_patience)
        self._set_aside: Path | None = None
        self._unsound: str | None = None
        self._check: IntegrityCheck | None = None
        self._trimmer = SizeRetention(settings, self._kept, self._let_go)
        self._commits = Histogram()
        self._checkpointer = Checkpointer(directory / FILE)

    def __repr__(self) -> str:
        return f"<DiskJournal {self.journal_id} sessions={len(self._kept)} {self._writer!r} {self.feed!r}>"

    # Running, opening and closing.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what is queued, until cancelled. Raises :class:`.DataDirectoryRefused` when it cannot start."""
        lock = await trio.to_thread.run_sync(DirectoryLock.take, self.directory)
        try:
            # The logs of the run before a restart are closed: a file that is about to be moved away must not be read.
            self._places.clear()
            await self._reader.aclose()
            opened = await trio.to_thread.run_sync(self._open)
            try:
                self._reader = SqliteReader(self.directory / FILE)
                self._fill(opened)
                await self._work(opened.store, task_status)
            finally:
                self._writer = None
                opened.check.stop()
                with trio.CancelScope(shield=True):
                    await self._reader.aclose()
                    await thread_or_here(opened.store.close)
        finally:
            self._close_logs()
            lock.release()

    async def _work(self, store: SqliteStore, task_status: trio.TaskStatus[None]) -> None:
        if self.outage.cause is not None:
            self.outage.end()  # that of the run before a restart
        try:
            async with trio.open_nursery() as nursery:
                self._writer = writer = GroupCommit(
                    store, self._failpoints, self._settings.journal_retry, self._committed, self.outage
                )
                thread = partial(self._write_until_closed, writer)
                nursery.start_soon(partial(trio.to_thread.run_sync, thread, limiter=trio.CapacityLimiter(1)))
                try:
                    nursery.start_soon(writer.hand_over)
                    nursery.start_soon(self._trimmer.run, self._reader)
                    nursery.start_soon(self._checkpointer.run)
                    task_status.started()
                    await trio.sleep_forever()
                finally:
                    # The thread cannot be cancelled, so it is waited for; it tries once more to write what waits.
                    writer.close()
        except* sqlite3.Error:
            self.outage.begin("it has failed and is opened again")
            raise

    def _committed(self, seconds: float) -> None:
        self._commits.add(seconds)
        self._checkpointer.written(TRANSACTION_BYTES)

    def _write_until_closed(self, writer: GroupCommit) -> None:
        try:
            writer.run()
        except sqlite3.Error as error:
            if is_damage(error):
                mark_unsound(self.directory / FILE, str(error))
            raise

    def _open(self) -> "_Opened":
        """Open the file; runs in a thread. A journal that is not sound is moved away, never deleted."""
        path = self.directory / FILE
        damage = unsound(path)
        if damage is None:
            try:
                return self._read(path)
            except Damaged as error:
                damage = str(error)
        if self._check is not None:
            self._check.join()
        self._set_aside = set_aside(path, self._clock)
        self._unsound = None
        _log.error("the journal is damaged and was set aside", error=damage, kept_as=str(self._set_aside))
        return self._read(path)

    def _read(self, path: Path) -> "_Opened":
        """Raises :class:`.Damaged`."""
        token = trio.from_thread.run_sync(trio.lowlevel.current_trio_token)
        store = SqliteStore.open(path, self._codec, durability=self._settings.durability)
        try:
            self._check = check = IntegrityCheck(path, lambda damage: token.run_sync_soon(self._found_damage, damage))
            check.start(waited_for=self._settings.journal_check > 0)
            until = time.monotonic() + self._settings.journal_check
            opened = _Opened(store, check, *store.load())
            damage = check.wait(max(0.0, until - time.monotonic()))
        except BaseException as error:
            store.close()
            if is_damage(error):
                raise Damaged(f"{path}: {error}") from error
            raise
        if damage is not None:
            store.close()
            raise Damaged(f"{path}: {damage}")
        return opened

    def _found_damage(self, damage: str) -> None:
        """Damage was found while the file is in use. What can be read is still served; the next start sets it aside."""
        if self._unsound is None:
            self._unsound = damage
            path = self.directory / FILE
            _log.error("the journal is damaged; the next start sets it aside", path=str(path), error=damage)
            # Not in a thread: it is a few bytes, once in a run, and there is no nursery here.
            with suppress(OSError):
                mark_unsound(path, damage)

    def _fill(self, opened: "_Opened") -> None:
        first, self._position, gone = opened.bounds
        self.journal_id = opened.store.journal_id
        self._number = opened.last_number
        self._kept.clear()
        self._places.clear()
        self._tails = TailBudget(self._settings.tails_bytes)
        self.feed = EventLog(self.journal_id, self._settings.tail_bytes, self, first=first, last=self._position)
        self.feed.expire(gone, first)
        self._places[self.journal_id] = Place(None)
        for found in opened.sessions:
            log = self._new_log(found.number, found.row, found.first, found.last)
            log.updated_ms = found.updated_ms
            self._kept[found.row.session_id] = Kept(
                found.number, found.row, log, found.last, found.bytes, found.position
            )

    def _new_log(self, number: int, row: SessionRow, first: int = 1, last: int = 0) -> EventLog:
        self._places[row.log_id] = Place(number)
        return EventLog(row.log_id, self._settings.tail_bytes, self, first=first, last=last)

    def _close_logs(self) -> None:
        self.feed.close()
        for kept in self._kept.values():
            kept.log.close()

    def hurry(self) -> None:
        self.outage.stopping = True
        if self._writer is not None:
            self._writer.hurry()

    # Called by sessions and the registry.

    @property
    def writable(self) -> bool:
        return self._writer is not None and self.outage.cause is None

    async def create(self, row: SessionRow) -> EventLog:
        self._number += 1
        log = self._new_log(self._number, row)
        log.updated_ms = row.created_ms
        self._kept[row.session_id] = kept = Kept(self._number, row, log)
        try:
            await self._write(lambda store: store.rows.create(kept.number, row), refusable=True)
        except (JournalUnavailable, Problem):
            del self._kept[row.session_id], self._places[row.log_id]
            raise
        return log

    async def write(self, entry: Entry) -> None:
        kept = self._kept[entry.session_id]
        old, kept.row = kept.row, entry.row or kept.row
        at_ms = self._clock.now_ms()
        written = self._place(kept, entry)

        def do(store: SqliteStore) -> None:
            if entry.row is not None:
                store.rows.update(kept.number, old, entry.row)
            if written is not None:
                store.append(kept.number, written, at_ms)
            for answer in entry.answers:
                store.rows.keep_answer(kept.number, answer, self._settings.answers_kept)

        def show() -> None:
            if entry.events:
                for log in (kept.log, self.feed):
                    log.append(entry.events, at_ms)
                    self._tails.grown(log)

        try:
            await self._write(do, show, refusable=written is None)
        except Problem:
            kept.row = old
            raise

    def _place(self, kept: Kept, entry: Entry) -> Written | None:
        if not entry.events:
            return None
        segment = Segment.pack(entry.events)
        size = len(segment.heads) + len(segment.raws or b"")
        written = Written(self._position + 1, kept.sequence + 1, len(entry.events), size, segment)
        self._position += written.count
        kept.sequence += written.count
        kept.position = self._position
        self._checkpointer.written(size)
        self._trimmer.written(kept, size)
        return written

    async def _let_go(self, kept: Kept, cut: Cut) -> bool:
        # Before it is deleted from the disk, as in a deletion of the session.
        kept.log.expire(cut.sequence)
        self.feed.expire(cut.position, self.feed.first)
        self._tails.shrunk(kept.log)
        kept.bytes -= cut.bytes
        gone = self.feed.gone
        try:
            await self._write(lambda store: store.trim(kept.number, cut, gone))
        except JournalUnavailable:
            return False
        return True

    async def delete(self, session_id: str) -> None:
        kept = self._kept.pop(session_id)
        # Before it is deleted from the disk, so that a read in progress notices it.
        self.feed.expire(kept.position, self.feed.first)
        last, gone = self._position, self.feed.gone
        kept.log.expire(kept.log.last)
        kept.log.close()
        self._tails.forget(kept.log)
        del self._places[kept.row.log_id]
        await self._write(lambda store: store.delete(kept.number, last, gone))

    def size_of(self, session_id: str) -> int:
        return self._kept[session_id].bytes

    def overfull(self, session_id: str) -> Overfull | None:
        return self._kept[session_id].overfull

    async def rows(self) -> Sequence[tuple[SessionRow, EventLog]]:
        return [(kept.row, kept.log) for kept in self._kept.values()]

    def row(self, session_id: str) -> SessionRow:
        return self._kept[session_id].row

    async def answer(self, session_id: str, name: str) -> KeptAnswer | None:
        kept = self._kept.get(session_id)
        if kept is None:
            return None
        try:
            found = await self._reader.answer(kept.number, name)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                self._found_damage(str(error))
            raise
        return KeptAnswer(CommandKey(name, found[0]), found[1]) if found is not None else None

    async def read_older(self, log: EventLog, after: int, max_bytes: int, *, raw: bool) -> Batch:
        place = self._places.get(log.log_id)
        if place is None:
            return Batch((), (), after)
        last = log.last
        try:
            batch = await self._reader.read(place, after, max_bytes, raw=raw)
        except (sqlite3.DatabaseError, Damaged) as error:
            if not is_damage(error) or log.closed:
                raise
            # All that is older than the tail counts as gone: a reader that returned to it would fail there every time.
            self._found_damage(str(error))
            log.give_up_older()
            return Batch((), (), after)
        # Where sessions were deleted, the feed may have nothing up to the position at which it ended before the read.
        return batch if batch.events else Batch((), (), max(after, last))

    async def _write(
        self, do: Callable[[SqliteStore], None], show: Callable[[], None] | None = None, *, refusable: bool = False
    ) -> None:
        if self._writer is None:
            raise JournalUnavailable("the journal is not open")
        try:
            await self._writer.put(Job(do, show, refusable)).wait()
        except Refused as error:
            raise invalid_request(f"it is too large to be kept: {error}") from error

    # Health.

    def health(self) -> JournalHealth:
        troubles: list[str] = []
        if self.outage.cause is not None:
            troubles.append(
                f"the journal in {self.directory} cannot be written ({self.outage.cause}); nothing is accepted "
                "until it can: make room there"
            )
        if self._unsound is not None:
            troubles.append(
                f"the journal {self.directory / FILE} is damaged ({self._unsound}); the next start sets it aside"
            )
        if self._set_aside is not None:
            troubles.append(f"a damaged journal was set aside as {self._set_aside}; this one began empty")
        if (trouble := self._trimmer.trouble()) is not None:
            troubles.append(trouble)
        figures: Mapping[str, float] = {
            "bytes": sum(kept.bytes for kept in self._kept.values()),
            "living": self._trimmer.living,
        }
        return JournalHealth(tuple(troubles), figures, self._commits, self._trimmer.expired)
