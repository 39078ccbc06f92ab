"""The write-ahead log is brought into the file beside the writer, however little each commit adds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import trio

from sandbox_agent.actors.journal.checkpointer import CHECKPOINT_BYTES, NEAR_PAGES, Checkpointer
from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.row_codec import RowCodec, Segment
from sandbox_agent.actors.journal.sqlite import TRANSACTION_BYTES, SqliteStore, Written
from sandbox_agent.actors.journal.sqlite_file import FILE, PAGE_BYTES

from ...patience import PATIENCE
from .journal_life import event, life, row


def kept_in_file(path: Path) -> int:
    """Segments that stand in the file itself, as one sees who has nothing else of it."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM segments").fetchone()[0]
        except sqlite3.DatabaseError:  # the tables, too, are first in the log; or it is being written just now
            return 0


async def test_many_small_commits_are_brought_into_the_file(tmp_path: Path):
    # Their events are a hundredth of what they write: pages, and each page whole.
    commits = CHECKPOINT_BYTES // TRANSACTION_BYTES + 1
    async with life(tmp_path) as journal:
        await journal.create(row())
        for number in range(1, commits + 1):
            await journal.write(Entry("s", events=[event(number)]))
        with trio.fail_after(PATIENCE):
            while kept_in_file(tmp_path / FILE) < commits // 2:
                await trio.sleep(0.01)


async def test_near_its_limit_the_log_is_brought_into_the_file_at_once(tmp_path: Path):
    # What is left then, a commit has to bring.
    store = SqliteStore.open(tmp_path / FILE, RowCodec())
    checkpointer = Checkpointer(tmp_path / FILE)
    written = 0

    def write(size: int) -> None:
        nonlocal written
        written += 1
        with store.transaction():
            segment = Segment.pack([event(written, size=size)])
            store.append(1, Written(written, written, 1, size, segment), 1)

    async def is_in_file() -> None:
        with trio.fail_after(PATIENCE):
            while kept_in_file(tmp_path / FILE) < written:
                await trio.sleep(0.01)

    while (tmp_path / f"{FILE}-wal").stat().st_size < (NEAR_PAGES + 256) * PAGE_BYTES:
        write(100_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(checkpointer.run)
        checkpointer.written(CHECKPOINT_BYTES)
        await is_in_file()
        write(10)
        checkpointer.written(10)
        await is_in_file()
        nursery.cancel_scope.cancel()
    store.close()
