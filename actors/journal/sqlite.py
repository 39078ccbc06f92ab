"""The store: the journal's SQLite file, seen by the one thread that writes it and the few that read it.

Everything here blocks. A method that raises has changed nothing: it runs inside :meth:`SqliteStore.transaction`, which
rolls back. WAL with ``synchronous=NORMAL`` survives SIGKILL at any instruction; FULL also survives a power cut.
"""

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from attrs import frozen

from ..files.directory_lock import DataDirectoryRefused
from .migrations import MIGRATIONS
from .quarantine import beside
from .row_codec import RowCodec, Segment
from .session_rows import SessionRows, StoredSession
from .sqlite_file import BUSY_MS, PAGE_BYTES, WAL_BYTES, Damaged, connect, is_damage, is_ours, prepare

SEGMENTS_AT_ONCE = 32
"""Most that one statement inserts: each number of them is a statement of its own, and is kept prepared."""

PURGE_SEGMENTS = 200
"""Segments of a deleted session that one transaction takes away: writers wait that long at most."""

VACUUM_PAGES = 500
FREE_PAGES = 256
"""Free pages that the file keeps for what comes next; the others are given back, so many at a time."""

SHRINK_TRIES = 10

TRANSACTION_BYTES = 4 * PAGE_BYTES
"""What a transaction adds to the log beside its events, about."""

WAL_LOOK_BYTES = 1 << 20
"""How much is written between two looks at the log's size: a look at a file costs as much as a small commit."""

WAL_PATIENCE_MS = 100


@frozen
class Written:
    """Events to write: where they stand in the feed and in their session's log."""

    position: int
    first: int
    count: int
    bytes: int
    segment: Segment


@frozen
class Cut:
    """The oldest events of a session, up to ``sequence``: where the last of them stands in the feed, and their size."""

    sequence: int
    position: int
    bytes: int


class SqliteStore:
    def __init__(self, path: Path, connection: sqlite3.Connection, codec: RowCodec) -> None:
        self.path = path
        self._wal = beside(path, "-wal")
        self._wal_limit = 4 * WAL_BYTES
        self._unseen = 0
        self._shrinks = 0
        self._connection = connection
        self.rows = SessionRows(connection, codec, self._change)
        self._appended: list[tuple[object, ...]] = []
        self._appended_bytes = 0
        self.journal_id = self._meta("journal_id")
        self.to_purge = True
        """Whether there may be events of deleted sessions to take away, or pages to give back."""

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path} journal={self.journal_id}>"

    @classmethod
    def open(
        cls, path: Path, codec: RowCodec, *, durability: str = "normal", migrations: Sequence[str] = MIGRATIONS
    ) -> "SqliteStore":
        """Open the journal, or make one. Raises :class:`Damaged`, or :class:`.DataDirectoryRefused`."""
        connection: sqlite3.Connection | None = None
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = connect(path, durability=durability)
            prepare(connection, path, migrations)
            return cls(path, connection, codec)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if is_damage(error):
                raise Damaged(f"{path}: {error}") from error
            if isinstance(error, (OSError, sqlite3.OperationalError)):
                raise DataDirectoryRefused(f"cannot open the journal {path}: {error}") from error
            raise

    def close(self) -> None:
        self._connection.close()

    @property
    def durability(self) -> int:
        """SQLite's level of it: 1 is NORMAL, 2 is FULL."""
        return self._connection.execute("PRAGMA synchronous").fetchone()[0]

    def shorten_wal(self) -> None:
        """To be called after commits."""
        if self._unseen < WAL_LOOK_BYTES:
            return
        self._unseen = 0
        size = self._wal.stat().st_size if self._wal.exists() else 0
        if size > self._wal_limit:
            # When a reader was in the way, not with every commit from now on.
            self._wal_limit = size + WAL_BYTES
            if self._checkpoint():
                self._wal_limit = 4 * WAL_BYTES

    def _checkpoint(self) -> bool:
        """Bring what is in the write-ahead log into the file, and cut both. False when a reader is in the way."""
        self._connection.execute(f"PRAGMA busy_timeout={WAL_PATIENCE_MS}").fetchall()
        try:
            ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS}").fetchall()
        return not busy

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All that is done inside, or nothing of it."""
        if self._connection.in_transaction:  # the last one could not even be rolled back
            self._connection.execute("ROLLBACK")
        self._appended.clear()
        self._appended_bytes = 0
        try:
            yield
            self._end()
        except BaseException:
            if self._connection.in_transaction:  # some errors of SQLite roll back by themselves
                self._connection.execute("ROLLBACK")
            raise

    def _change(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        return self._connection.execute(statement, values)

    def _end(self) -> None:
        """Most transactions only append, and what one statement does needs no BEGIN and no COMMIT."""
        if len(self._appended) > SEGMENTS_AT_ONCE and not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        for first in range(0, len(self._appended), SEGMENTS_AT_ONCE):
            self._insert(self._appended[first : first + SEGMENTS_AT_ONCE])
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._unseen += TRANSACTION_BYTES + self._appended_bytes
        self._appended.clear()

    # What is there.

    def _meta(self, name: str, default: str = "") -> str:
        found = self._connection.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return found[0] if found else default

    def _set_meta(self, name: str, value: object) -> None:
        self._change("INSERT OR REPLACE INTO meta VALUES(?,?)", (name, str(value)))

    def feed_bounds(self) -> tuple[int, int, int]:
        """The oldest position that is kept, the newest that was given out, and the newest that was deleted."""
        oldest = self._connection.execute("SELECT min(position) FROM segments").fetchone()[0]
        newest = self._connection.execute(
            "SELECT position + count - 1 FROM segments ORDER BY position DESC LIMIT 1"
        ).fetchone()
        gone = int(self._meta("feed_gone", "0"))
        last = max(newest[0] if newest else 0, int(self._meta("feed_last", "0")))
        return oldest or last + 1, last, gone

    def load(self) -> tuple[int, list[StoredSession], tuple[int, int, int]]:
        """The last number, the sessions and the feed's bounds. Raises :class:`Damaged`."""
        try:
            return self.rows.last_number(), self.rows.load(), self.feed_bounds()
        except sqlite3.OperationalError as error:
            if is_ours(error):  # the tables are not those that its version says
                raise Damaged(str(error)) from error
            raise

    # What happens.

    def append(self, number: int, written: Written, at_ms: int) -> None:
        """Written when the transaction ends, with all others that were appended in it."""
        self._appended_bytes += written.bytes
        self._appended.append(
            (
                written.position,
                number,
                written.first,
                written.count,
                written.bytes,
                at_ms,
                written.segment.heads,
                written.segment.raws,
            )
        )

    def _insert(self, segments: Sequence[Sequence[object]]) -> None:
        rows = ",".join(["(?,?,?,?,?,?,?,?)"] * len(segments))
        # executemany: execute asks for the last rowid as well, and gives up the GIL once more for that.
        self._connection.executemany(f"INSERT INTO segments VALUES{rows}", [list(chain.from_iterable(segments))])

    def delete(self, number: int, feed_last: int, feed_gone: int) -> None:
        """Forget a session. Its events go bit by bit, by :meth:`purge_some`; no reader finds them from now on.
        A tombstone says that they are to go: a row of the table ``doomed``."""
        self.rows.delete(number)
        self._change("INSERT INTO doomed VALUES(?)", (number,))
        self.to_purge = True
        self._set_meta("feed_last", feed_last)
        self._set_meta("feed_gone", feed_gone)

    def purge_some(self) -> None:
        """Take away some of what was deleted, until nothing is left :attr:`to_purge`."""
        found = self._connection.execute("SELECT session FROM doomed LIMIT 1").fetchone()
        if found is None:
            self.to_purge = self._give_back()
            return
        with self.transaction():
            gone = self._change(
                "DELETE FROM segments WHERE position IN (SELECT position FROM segments WHERE session=? LIMIT ?)",
                (found[0], PURGE_SEGMENTS),
            ).rowcount
            if gone < PURGE_SEGMENTS:
                self._change("DELETE FROM doomed WHERE session=?", found)

    def _give_back(self) -> bool:
        """Make the file smaller by some of the pages that are free; False when that is done."""
        free: int = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free > FREE_PAGES:
            # As a script: execute takes one step of it, and each step gives back one page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({min(VACUUM_PAGES, free - FREE_PAGES)})")
            if free > FREE_PAGES + VACUUM_PAGES:
                return True
            # Only now does the file shrink. Another checkpoint, or a reader, may be in the way for a moment.
            self._shrinks += 1
            return not self._checkpoint() and self._shrinks % SHRINK_TRIES != 0
        return False

    def trim(self, number: int, cut: Cut, feed_gone: int) -> None:
        """Forget the oldest events of a session that goes on."""
        self._change("DELETE FROM segments WHERE session=? AND first <= ?", (number, cut.sequence))
        self._change("UPDATE sessions SET first=?, bytes=bytes-? WHERE number=?", (cut.sequence + 1, cut.bytes, number))
        self._set_meta("feed_gone", feed_gone)
        self.to_purge = True  # there are pages to give back
