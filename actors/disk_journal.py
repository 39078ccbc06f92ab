"""The journal on disk: an SQLite file in the data directory, one thread that writes it, and logs over both.

What happens in memory happens twice: the row that the next write differs from is noted when a write is queued, because
writes are done in that order; the events are shown when their commit is through.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import define

from ..schema.settings import Settings
from .clock import Clock
from .data_lock import DataLock
from .failpoints import Failpoints
from .journal import CommandKey, Entry, JournalHealth, JournalUnavailable, KeptAnswer, SessionRow
from .log import Batch, Log
from .store import FILE, Damaged, Store, StoredSession, Written
from .store_codec import RowCodec, Segment
from .store_reader import Place, StoreReader
from .tails import Tails
from .timings import Timings
from .writer import Job, Writer

_log = structlog.get_logger("journal")


@define(eq=False)
class _Kept:
    """``sequence`` and ``position`` are where its last event stands in its log and in the feed, and ``bytes`` is what
    its events take on disk: all that with what is queued."""

    number: int
    row: SessionRow
    log: Log
    sequence: int = 0
    bytes: int = 0
    position: int = 0


class DiskJournal:
    """``run`` must be under way for anything else to work. ``directory`` is this daemon's alone while it is."""

    def __init__(self, directory: Path, settings: Settings, clock: Clock, failpoints: Failpoints) -> None:
        self.journal_id = ""
        self.feed = Log("", 0)
        self.directory = directory
        self._settings = settings
        self._clock = clock
        self._failpoints = failpoints
        self._codec = RowCodec()
        self._kept: dict[str, _Kept] = {}
        self._places: dict[str, Place] = {}
        self._tails = Tails(settings.tails_bytes)
        self._position = 0
        self._number = 0
        self._writer: Writer | None = None
        self._reader = StoreReader(directory / FILE)
        self._set_aside: Path | None = None
        self._commits = Timings()

    def __repr__(self) -> str:
        return f"<DiskJournal {self.journal_id} sessions={len(self._kept)} {self._writer!r} {self.feed!r}>"

    # Its life.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep what is written until cancelled. Raises :class:`.DataDirectoryRefused` when it cannot begin."""
        lock = await trio.to_thread.run_sync(DataLock.take, self.directory)
        try:
            store, sessions, bounds = await trio.to_thread.run_sync(self._open)
            try:
                self._fill(store, sessions, bounds)
                await self._write_until_cancelled(store, task_status)
            finally:
                with trio.CancelScope(shield=True):
                    self._reader.close()
                    await trio.to_thread.run_sync(store.close)
        finally:
            self._close_logs()
            lock.release()

    async def _write_until_cancelled(self, store: Store, task_status: trio.TaskStatus[None]) -> None:
        self._writer = writer = Writer(store, self._failpoints, self._settings.journal_retry, self._commits.add)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                partial(trio.to_thread.run_sync, writer.run, abandon_on_cancel=False, limiter=trio.CapacityLimiter(1))
            )
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                # The thread cannot be cancelled, so it is waited for; it tries once more what waits.
                writer.close()

    def _open(self) -> tuple[Store, list[StoredSession], tuple[int, int, int]]:
        """In a thread. A journal that is not sound is moved away, never deleted."""
        path = self.directory / FILE
        try:
            return self._read(path)
        except Damaged as error:
            self._set_aside = set_aside(path, self._clock)
            _log.error("the journal is damaged and was set aside", error=str(error), kept_as=str(self._set_aside))
            return self._read(path)

    def _read(self, path: Path) -> tuple[Store, list[StoredSession], tuple[int, int, int]]:
        store = Store.open(path, self._codec, durability=self._settings.durability)
        try:
            self._number = store.last_number()
            return store, store.sessions(), store.feed_bounds()
        except BaseException:
            store.close()
            raise

    def _fill(self, store: Store, sessions: Sequence[StoredSession], bounds: tuple[int, int, int]) -> None:
        first, self._position, gone = bounds
        self.journal_id = store.journal_id
        self._kept.clear()
        self._places.clear()
        self.feed = Log(self.journal_id, self._settings.tail_bytes, self, first=first, last=self._position)
        self.feed.expire(gone, first)
        self._places[self.journal_id] = Place(None)
        for found in sessions:
            log = self._new_log(found.number, found.row, found.first, found.last)
            log.updated_ms = found.updated_ms
            self._kept[found.row.session_id] = _Kept(
                found.number, found.row, log, found.last, found.bytes, found.position
            )

    def _new_log(self, number: int, row: SessionRow, first: int = 1, last: int = 0) -> Log:
        self._places[row.log_id] = Place(number)
        return Log(row.log_id, self._settings.tail_bytes, self, first=first, last=last)

    def _close_logs(self) -> None:
        self.feed.close()
        for kept in self._kept.values():
            kept.log.close()

    def hurry(self) -> None:
        if self._writer is not None:
            self._writer.hurry()

    # What sessions and the registry ask for.

    @property
    def writable(self) -> bool:
        return self._writer is not None and self._writer.trouble is None

    async def create(self, row: SessionRow) -> Log:
        self._number += 1
        log = self._new_log(self._number, row)
        log.updated_ms = row.created_ms
        self._kept[row.session_id] = kept = _Kept(self._number, row, log)
        try:
            await self._write(lambda store: store.create(kept.number, row), _nothing)
        except JournalUnavailable:
            del self._kept[row.session_id]
            raise
        return log

    async def write(self, entry: Entry) -> None:
        kept = self._kept[entry.session_id]
        old, kept.row = kept.row, entry.row or kept.row
        at_ms = self._clock.now_ms()
        written = self._place(kept, entry)

        def do(store: Store) -> None:
            if entry.row is not None:
                store.update(kept.number, old, entry.row)
            if written is not None:
                store.append(kept.number, written, at_ms)
            for answer in entry.answers:
                store.keep_answer(kept.number, answer, self._settings.answers_kept)

        def show() -> None:
            if entry.events:
                for log in (kept.log, self.feed):
                    log.append(entry.events, at_ms)
                    self._tails.grown(log)

        await self._write(do, show)

    def _place(self, kept: _Kept, entry: Entry) -> Written | None:
        if not entry.events:
            return None
        segment = Segment.pack(entry.events)
        size = len(segment.heads) + len(segment.raws or b"")
        written = Written(self._position + 1, kept.sequence + 1, len(entry.events), size, segment)
        self._position += written.count
        kept.sequence += written.count
        kept.position = self._position
        kept.bytes += size
        return written

    async def delete(self, session_id: str) -> None:
        kept = self._kept.pop(session_id)
        last, gone = self._position, kept.position
        # Before it is gone from the disk, so that a read that is under way finds out.
        self.feed.expire(gone, self.feed.first)
        kept.log.expire(kept.log.last)
        kept.log.close()
        self._tails.forget(kept.log)
        await self._write(lambda store: store.delete(kept.number, last, gone), _nothing)
        del self._places[kept.row.log_id]

    def size_of(self, session_id: str) -> int:
        return self._kept[session_id].bytes

    async def rows(self) -> Sequence[tuple[SessionRow, Log]]:
        return [(kept.row, kept.log) for kept in self._kept.values()]

    def row(self, session_id: str) -> SessionRow:
        return self._kept[session_id].row

    async def answer(self, session_id: str, name: str) -> KeptAnswer | None:
        kept = self._kept.get(session_id)
        found = await self._reader.answer(kept.number, name) if kept is not None else None
        return KeptAnswer(CommandKey(name, found[0]), found[1]) if found is not None else None

    async def read_older(self, log: Log, after: int, max_bytes: int, *, raw: bool) -> Batch:
        place = self._places.get(log.log_id)
        if place is None:
            return Batch((), (), after)
        last = log.last
        batch = await self._reader.read(place, after, max_bytes, raw=raw)
        # Where sessions were deleted the feed may hold nothing more up to where it ended before the read.
        return batch if batch.events else Batch((), (), max(after, last))

    async def _write(self, do: Callable[[Store], None], show: Callable[[], None]) -> None:
        if self._writer is None:
            raise JournalUnavailable("the journal is not open")
        await self._writer.put(Job(do, show)).wait()

    # How it is.

    def health(self) -> JournalHealth:
        troubles: list[str] = []
        if self._writer is not None and self._writer.trouble is not None:
            troubles.append(
                f"the journal in {self.directory} cannot be written ({self._writer.trouble}); nothing is accepted "
                "until it can: make room there"
            )
        if self._set_aside is not None:
            troubles.append(f"a damaged journal was set aside as {self._set_aside}; this one began empty")
        figures: Mapping[str, float] = {
            "bytes": sum(kept.bytes for kept in self._kept.values()),
        }
        return JournalHealth(tuple(troubles), figures, self._commits)


def _nothing() -> None:
    pass


def set_aside(path: Path, clock: Clock) -> Path:
    """Move a damaged journal away, with what SQLite keeps beside it. Returns where it is now."""
    target = path.with_name(f"{path.name}.damaged-{clock.now_ms()}")
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    return target
