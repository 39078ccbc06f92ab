"""The journal's SQLite file: how it is opened and brought to this version, and what its errors mean."""

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ..files.directory_lock import DataDirectoryRefused

FILE = "journal.db"
APPLICATION_ID = 0x53414A31  # "SAJ1", so that `file` and we know whose database it is

WRITER_CACHE_KIB = 2048

PAGE_BYTES = 4096

WAL_BYTES = 16 << 20
"""The write-ahead log is cut to this size when SQLite starts it over, which it does by itself unless readers overlap
all the time; at four times the size we wait for a moment without."""

BUSY_MS = 5000
"""How long a lock is waited for that another program has, one that copies the journal for example."""


class Damaged(Exception):
    """Nobody's fault that we know: the file is not a sound database."""


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


def prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
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
