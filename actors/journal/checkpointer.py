"""The checkpointer: brings what is in SQLite's write-ahead log into the file, beside the writer, not in its commits.

A checkpoint waits for the disk, for 20 ms and more once in a few MB. In a commit, where SQLite makes it by itself, all
that was to be written next waited as long. It changes nothing that is durable or visible; it may be cut off anywhere.

SQLite starts the log over in the first commit that finds nothing left to bring into the file. On a busy journal no
commit does, and so at ``WAL_BYTES`` one has to bring the rest. That is made little: near the limit the next checkpoint
follows the last.
"""

import sqlite3
from pathlib import Path

import structlog
import trio

from .sqlite import PAGE_BYTES, WAL_BYTES, connect

CHECKPOINT_BYTES = 4 << 20
"""How much is written before it is worth while. SQLite makes one by itself, in a commit, at four times as much."""

NEAR_PAGES = WAL_BYTES * 3 // 4 // PAGE_BYTES
"""A log of so many pages is near its limit."""

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
        """About so many bytes more are in the write-ahead log."""
        self._bytes += size
        if self._bytes >= self._enough:
            self._worthwhile.set()

    async def run(self) -> None:
        """Until cancelled. What is wrong with the file is the writer's to find out."""
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
        """PASSIVE: as much as can be done without waiting for anyone, or making the writer wait. How many pages the log
        has."""
        connection = connect(self._path, cache_kib=CACHE_KIB)
        try:
            ((_, pages, _),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return pages
        finally:
            connection.close()
