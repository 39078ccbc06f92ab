"""The checkpointer: copies SQLite's write-ahead log into the database file, beside the writer and not in its commits.

A checkpoint waits for the disk: 20 ms and more, once in a few MB. SQLite by itself makes checkpoints inside a commit,
and then everything that is written next waits as long. A checkpoint changes nothing that is durable or visible, so it
may be cut off at any point.

SQLite starts the log over in the first commit that finds nothing left to copy. On a busy journal no commit does, so at
``WAL_BYTES`` a commit has to copy the rest. The checkpointer keeps that rest small: near the limit the next checkpoint
follows the last one at once.
"""

import sqlite3
from pathlib import Path

import structlog
import trio

from .sqlite_file import PAGE_BYTES, WAL_BYTES, connect

CHECKPOINT_BYTES = 4 << 20
"""How much is written before a checkpoint. SQLite makes one by itself, in a commit, at four times as much."""

NEAR_PAGES = WAL_BYTES * 3 // 4 // PAGE_BYTES
"""A write-ahead log of so many pages is near its limit."""

CACHE_KIB = 256

_log = structlog.get_logger("journal")


class Checkpointer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0
        self._enough = CHECKPOINT_BYTES
        self._worthwhile = trio.Event()

    def __repr__(self) -> str:
        return f"<Checkpointer {self._bytes} bytes behind>"

    def written(self, size: int) -> None:
        """To be called when about so many more bytes are in the write-ahead log."""
        self._bytes += size
        if self._bytes >= self._enough:
            self._worthwhile.set()

    async def run(self) -> None:
        """Make checkpoints until cancelled. Errors of the file are ignored here: the writer finds them."""
        limiter = trio.CapacityLimiter(1)
        while True:
            await self._worthwhile.wait()
            self._worthwhile = trio.Event()
            self._bytes = 0
            try:
                pages = await trio.to_thread.run_sync(self._checkpoint, limiter=limiter)
                self._enough = 1 if pages >= NEAR_PAGES else CHECKPOINT_BYTES
                self.written(0)
            except (sqlite3.Error, RuntimeError) as error:  # also when there is no thread: later there is one
                _log.debug("no checkpoint", error=str(error))

    def _checkpoint(self) -> int:
        """A PASSIVE checkpoint: as much as can be done without waiting for readers and without making the writer wait.
        Returns how many pages the log has."""
        connection = connect(self._path, cache_kib=CACHE_KIB)
        try:
            ((_, pages, _),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return pages
        finally:
            connection.close()
