"""The writer: which jobs share a commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from sandbox_agent.actors.failpoints import Failpoints
from sandbox_agent.actors.outage import Outage
from sandbox_agent.actors.store import FILE, Store
from sandbox_agent.actors.store_codec import RowCodec
from sandbox_agent.actors.writer import PASSES, Job, Writer


@asynccontextmanager
async def writing(directory: Path) -> AsyncIterator[tuple[Writer, list[float]]]:
    """A writer at work, and how long each of its commits took."""
    commits: list[float] = []
    store = Store.open(directory / FILE, RowCodec())
    writer = Writer(store, Failpoints(), 0.01, commits.append, Outage(1.0))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, writer.run)
            nursery.start_soon(writer.hand_over)
            try:
                yield writer, commits
            finally:
                writer.close()  # its thread cannot be cancelled
            nursery.cancel_scope.cancel()
    store.close()


def job() -> Job:
    return Job(lambda _: None, lambda: None)


async def test_what_is_put_in_the_next_passes_shares_the_commit(tmp_path: Path):
    async with writing(tmp_path) as (writer, commits):
        jobs = [writer.put(job())]
        for _ in range(PASSES):
            await trio.lowlevel.checkpoint()
            jobs.append(writer.put(job()))
        for each in jobs:
            await each.wait()
        assert len(commits) == 1


async def test_who_always_has_something_to_write_keeps_nobody_waiting(tmp_path: Path):
    async with writing(tmp_path) as (writer, commits):
        first = writer.put(job())
        while not first.settled.is_set():
            writer.put(job())
            await trio.lowlevel.checkpoint()
        assert commits
