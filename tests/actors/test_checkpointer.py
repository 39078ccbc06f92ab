"""The write-ahead log is brought into the file beside the writer, however little each commit adds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import trio
from sandbox_agent.actors.checkpointer import CHECKPOINT_BYTES
from sandbox_agent.actors.journal import Entry
from sandbox_agent.actors.store import FILE, TRANSACTION_BYTES

from .journal_life import event, life, row


def kept_in_file(path: Path) -> int:
    """Segments that stand in the file itself, as one sees who has nothing else of it."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM segments").fetchone()[0]
        except sqlite3.OperationalError:  # the tables, too, are first in the log
            return 0


async def test_many_small_commits_are_brought_into_the_file(tmp_path: Path):
    # Their events are a hundredth of what they write: pages, and each page whole.
    commits = CHECKPOINT_BYTES // TRANSACTION_BYTES + 1
    async with life(tmp_path) as journal:
        await journal.create(row())
        for number in range(1, commits + 1):
            await journal.write(Entry("s", events=[event(number)]))
        with trio.fail_after(20):
            while kept_in_file(tmp_path / FILE) < commits // 2:
                await trio.sleep(0.01)
