"""Reading events from disk, for readers whose cursor is before the tail in memory."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import trio
from attrs import frozen

from ...schema.encode import EncodedEvent
from ..machine.descriptor_reserve import NO_THREAD, thread_or_here
from .event_log import Batch
from .row_codec import Segment
from .sqlite import PURGE_SEGMENTS, Cut
from .sqlite_file import Damaged, connect

READERS = 2
"""Threads that read at the same time. More would only compete for the GIL, also with the writer."""

READER_CACHE_KIB = 256


@frozen
class Place:
    """Which events: those of the session with that number, or all of them."""

    session: int | None


def cannot_read_now(error: Exception) -> bool:
    """Whether a descriptor or a thread was missing, which says nothing about the file."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN
    return str(error) == NO_THREAD


class SqliteReader:
    """A read sees every commit that was made before it began. With WAL it does not block the writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._idle: list[sqlite3.Connection] = []
        self._limiter = trio.CapacityLimiter(READERS)

    def __repr__(self) -> str:
        return f"<SqliteReader busy={self._limiter.borrowed_tokens} idle={len(self._idle)}>"

    async def read(self, place: Place, after: int, max_bytes: int, *, raw: bool) -> Batch:
        """The events after position ``after``: at most ``max_bytes``, but at least one event if there is one."""
        return await trio.to_thread.run_sync(self._read, place, after, max_bytes, raw, limiter=self._limiter)

    async def answer(self, session: int, name: str) -> tuple[str, bytes] | None:
        return await trio.to_thread.run_sync(self._answer, session, name, limiter=self._limiter)

    async def cut(self, session: int, excess: int, settled: int) -> Cut | None:
        """The oldest segments whose events take ``excess`` bytes, or as many as may be deleted in one step. Segments
        beyond ``settled`` stay, and so does the newest: its position must never be given out again."""
        return await trio.to_thread.run_sync(self._cut, session, excess, settled, limiter=self._limiter)

    async def aclose(self) -> None:
        """Returns when no connection is open. A later read opens a connection and closes it again."""
        self._closed = True
        nobody = [object() for _ in range(READERS)]
        for reader in nobody:
            await self._limiter.acquire_on_behalf_of(reader)
        for reader in nobody:
            self._limiter.release_on_behalf_of(reader)
        await thread_or_here(self._close_idle)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        return connect(self._path, cache_kib=READER_CACHE_KIB, existing=True)

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _answer(self, session: int, name: str) -> tuple[str, bytes] | None:
        with self._connection() as connection:
            return connection.execute(
                "SELECT fingerprint, body FROM answers WHERE session=? AND name=?", (session, name)
            ).fetchone()

    def _cut(self, session: int, excess: int, settled: int) -> Cut | None:
        found = None
        size = 0
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT position, first, count, bytes FROM segments WHERE session=?1 AND first < "
                "(SELECT max(first) FROM segments WHERE session=?1) ORDER BY first LIMIT ?2",
                (session, PURGE_SEGMENTS),
            ).fetchall()
        for position, first, count, held in rows:
            last = first + count - 1
            if size >= excess or last > settled:
                break
            size += held
            found = Cut(last, position + count - 1, size)
        return found

    def _read(self, place: Place, after: int, max_bytes: int, raw: bool) -> Batch:
        raws = "raws" if raw else "NULL"
        if place.session is None:
            # From the segment that contains the position; it may begin before it.
            query = (
                f"SELECT position, first, heads, {raws} FROM segments WHERE position >= coalesce("  # noqa: S608
                "(SELECT max(position) FROM segments WHERE position <= ?1), 0) "
                "AND session NOT IN (SELECT session FROM doomed) ORDER BY position"
            )
            values: tuple[int, ...] = (after + 1,)
        else:
            query = (
                f"SELECT first, first, heads, {raws} FROM segments WHERE session = ?2 AND first >= coalesce("  # noqa: S608
                "(SELECT max(first) FROM segments WHERE session = ?2 AND first <= ?1), 0) ORDER BY first"
            )
            values = after + 1, place.session
        with self._connection() as connection:
            return _gather(connection.execute(query, values), after, max_bytes)


def _gather(rows: sqlite3.Cursor, after: int, max_bytes: int) -> Batch:
    positions: list[int] = []
    events: list[EncodedEvent] = []
    size = 0
    try:
        for start, first, heads, raws in rows:
            for position, event in enumerate(_unpack(Segment(heads, raws), first), start):
                if position <= after:
                    continue
                size += event.size
                if events and size > max_bytes:
                    return Batch(positions, events, positions[-1])
                positions.append(position)
                events.append(event)
    finally:
        rows.close()  # an open cursor would hold the WAL
    return Batch(positions, events, positions[-1] if positions else after)


def _unpack(segment: Segment, first: int) -> list[EncodedEvent]:
    try:
        return segment.unpack(first)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise Damaged(f"events from {first} on cannot be read: {error}") from error
