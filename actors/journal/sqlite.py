"""The store: the journal's SQLite file, seen by the one thread that writes it and the few that read it.

Everything here blocks. A method that raises has changed nothing: it runs inside :meth:`SqliteStore.transaction`, which
rolls back. WAL with ``synchronous=NORMAL`` survives SIGKILL at any instruction; FULL also survives a power cut.
"""

import os
import secrets
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from attrs import evolve, frozen

from ...schema.approvals.approval_data import approval_id_of
from ..files.directory_lock import DataDirectoryRefused
from .interface import KeptAnswer, QueuedPrompt, SessionRow
from .migrations import MIGRATIONS
from .quarantine import beside
from .row_codec import RowCodec, Segment

FILE = "journal.db"
APPLICATION_ID = 0x53414A31  # "SAJ1", so that `file` and we know whose database it is

WRITER_CACHE_KIB = 2048
SEGMENTS_AT_ONCE = 32
"""Most that one statement inserts: each number of them is a statement of its own, and is kept prepared."""

PURGE_SEGMENTS = 200
"""Segments of a deleted session that one transaction takes away: writers wait that long at most."""

VACUUM_PAGES = 500
FREE_PAGES = 256
"""Free pages that the file keeps for what comes next; the others are given back, so many at a time."""

SHRINK_TRIES = 10

PAGE_BYTES = 4096

WAL_BYTES = 16 << 20
"""The write-ahead log is cut to this size when SQLite starts it over, which it does by itself unless readers overlap
all the time; at four times the size we wait for a moment without."""

TRANSACTION_BYTES = 4 * PAGE_BYTES
"""What a transaction adds to the log beside its events, about."""

WAL_LOOK_BYTES = 1 << 20
"""How much is written between two looks at the log's size: a look at a file costs as much as a small commit."""

WAL_PATIENCE_MS = 100

BUSY_MS = 5000
"""How long a lock is waited for that another program has, one that copies the journal for example."""


class Damaged(Exception):
    """Nobody's fault that we know: the file is not a sound database."""


@frozen
class StoredSession:
    """A session as it was found on disk. ``position`` is where its last event stands in the feed."""

    number: int
    row: SessionRow
    first: int
    last: int
    bytes: int
    position: int
    updated_ms: int


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


def connect(
    path: Path, *, durability: str = "normal", cache_kib: int = WRITER_CACHE_KIB, existing: bool = False
) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time. One that is to read what is ``existing`` makes no file where
    there is none."""
    name = f"{path.absolute().as_uri()}?mode={'rw' if existing else 'rwc'}"
    connection = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        if existing:
            connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
        connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    def __init__(self, path: Path, connection: sqlite3.Connection, codec: RowCodec) -> None:
        self.path = path
        self._wal = beside(path, "-wal")
        self._wal_limit = 4 * WAL_BYTES
        self._unseen = 0
        self._shrinks = 0
        self._connection = connection
        self._codec = codec
        self._appended: list[tuple[object, ...]] = []
        self._appended_bytes = 0
        self.journal_id = self._meta("journal_id")
        self.doomed = True
        """Whether there may be something to purge."""

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
            _prepare(connection, path, migrations)
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

    def last_number(self) -> int:
        """The highest number that a session ever had."""
        found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name='sessions'").fetchone()
        return found[0] if found else 0

    def load(self) -> tuple[int, list[StoredSession], tuple[int, int, int]]:
        """The last number, the sessions and the feed's bounds. Raises :class:`Damaged`."""
        try:
            return self.last_number(), self.sessions(), self.feed_bounds()
        except sqlite3.OperationalError as error:
            if is_ours(error):  # the tables are not those that its version says
                raise Damaged(str(error)) from error
            raise

    def sessions(self) -> list[StoredSession]:
        """Oldest first. Raises :class:`Damaged` for a row that cannot be read."""
        try:
            return self._sessions()
        except (ValueError, TypeError, KeyError, BaseExceptionGroup, msgspec.MsgspecError) as error:
            raise Damaged(f"what is kept of a session cannot be read: {type(error).__name__}") from error

    def _sessions(self) -> list[StoredSession]:
        prompts: dict[int, list[tuple[QueuedPrompt, bool]]] = {}
        for number, waiting, body in self._connection.execute(
            "SELECT session, waiting, prompt FROM prompts ORDER BY session, number"
        ):
            prompts.setdefault(number, []).append((self._codec.read_prompt(body), bool(waiting)))
        asks: dict[int, list[Any]] = {}
        for number, body in self._connection.execute("SELECT session, ask FROM asks ORDER BY number"):
            asks.setdefault(number, []).append(self._codec.read_ask(body))
        found: list[StoredSession] = []
        for number, body, *bounds in self._connection.execute(
            "SELECT number, row, first, last, bytes, position, updated_ms FROM sessions ORDER BY number"
        ):
            known = prompts.get(number, [])
            row = evolve(
                self._codec.read_row(body),
                queue=tuple(prompt for prompt, waiting in known if waiting),
                current=next((prompt for prompt, waiting in known if not waiting), None),
                asks=tuple(asks.get(number, ())),
            )
            found.append(StoredSession(number, row, *bounds))
        return found

    # What happens.

    def create(self, number: int, row: SessionRow) -> None:
        self._change(
            "INSERT INTO sessions(number, session_id, row, updated_ms) VALUES(?,?,?,?)",
            (number, row.session_id, self._codec.row(row), row.created_ms),
        )
        self._update_prompts(number, None, row)

    def update(self, number: int, old: SessionRow, row: SessionRow) -> None:
        """Write what differs from ``old``, the row that was written last."""
        self._change("UPDATE sessions SET row=? WHERE number=?", (self._codec.row(row), number))
        if (old.queue, old.current) != (row.queue, row.current):
            self._update_prompts(number, old, row)
        if old.asks != row.asks:
            self._update_asks(number, old, row)

    def _update_prompts(self, number: int, old: SessionRow | None, row: SessionRow) -> None:
        before = _prompts(old) if old is not None else {}
        now = _prompts(row)
        for key in before.keys() - now.keys():
            self._change("DELETE FROM prompts WHERE session=? AND number=?", (number, key))
        for key, (prompt, waiting) in now.items():
            if key not in before:
                values = number, key, waiting, self._codec.encode(prompt)
                self._change("INSERT INTO prompts VALUES(?,?,?,?)", values)
            elif before[key][1] != waiting:
                self._change("UPDATE prompts SET waiting=? WHERE session=? AND number=?", (waiting, number, key))

    def _update_asks(self, number: int, old: SessionRow, row: SessionRow) -> None:
        before, now = {approval_id_of(ask) for ask in old.asks}, {approval_id_of(ask): ask for ask in row.asks}
        for approval_id in before - now.keys():
            self._change("DELETE FROM asks WHERE session=? AND ask_id=?", (number, approval_id))
        for approval_id, ask in now.items():
            if approval_id not in before:
                self._change(
                    "INSERT INTO asks(session, ask_id, ask) VALUES(?,?,?)",
                    (number, approval_id, self._codec.encode(ask)),
                )

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

    def keep_answer(self, number: int, answer: KeptAnswer, kept: int) -> None:
        """The oldest beyond ``kept`` go."""
        self._change(
            "INSERT OR REPLACE INTO answers(session, name, fingerprint, body) VALUES(?,?,?,?)",
            (number, answer.key.name, answer.key.fingerprint, answer.body),
        )
        self._change(
            "DELETE FROM answers WHERE session=?1 AND number <= "
            "(SELECT number FROM answers WHERE session=?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (number, kept),
        )

    def delete(self, number: int, feed_last: int, feed_gone: int) -> None:
        """Forget a session. Its events go bit by bit, by :meth:`purge_some`; no reader finds them from now on."""
        self._change("DELETE FROM sessions WHERE number=?", (number,))
        for table in ("prompts", "asks", "answers"):
            self._change(f"DELETE FROM {table} WHERE session=?", (number,))  # noqa: S608 - our own names
        self._change("INSERT INTO doomed VALUES(?)", (number,))
        self.doomed = True
        self._set_meta("feed_last", feed_last)
        self._set_meta("feed_gone", feed_gone)

    def purge_some(self) -> None:
        """Take away some of what was deleted, until nothing is ``doomed``."""
        found = self._connection.execute("SELECT session FROM doomed LIMIT 1").fetchone()
        if found is None:
            self.doomed = self._give_back()
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
        self.doomed = True  # there are pages to give back


def _prompts(row: SessionRow) -> dict[int, tuple[QueuedPrompt, bool]]:
    known = {queued.prompt.number: (queued, True) for queued in row.queue}
    if row.current is not None:
        known[row.current.prompt.number] = (row.current, False)
    return known


def _prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Bring the tables to this version."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise DataDirectoryRefused(f"{path} is an SQLite database, but not a journal of ours; move it away")
    if version > len(migrations):
        raise DataDirectoryRefused(
            f"the journal {path} was written by a newer sandbox-agent (its schema is version {version}, this one knows "
            f"{len(migrations)}); run that one, or name another directory with --data-dir"
        )
    if version == 0:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES}").fetchall()
    # The checkpointer is far ahead of that, so what is left to do in a commit is little.
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_BYTES // PAGE_BYTES}").fetchall()
    for number, script in enumerate(migrations[version:], version + 1):
        # executescript would commit what is open, so the transaction stands in the script.
        new = f"INSERT INTO meta VALUES('journal_id','{secrets.token_hex(6)}');" if number == 1 else ""
        connection.executescript(f"BEGIN IMMEDIATE;{script};{new}PRAGMA user_version={number};COMMIT;")


def is_ours(error: sqlite3.OperationalError) -> bool:
    """Wrong SQL, which no waiting mends; everything else that is operational is about the disk or the memory."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF == sqlite3.SQLITE_ERROR


def is_damage(error: BaseException) -> bool:
    """SQLite says that the file itself is broken, not that it could not get at it; or a row in it cannot be read."""
    if isinstance(error, sqlite3.Error):
        code: int | None = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, Damaged)
