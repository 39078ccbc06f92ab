"""The writer: which jobs share a commit."""

from pathlib import Path

import trio

from sandbox_agent.actors.journal.group_commit import PASSES, Job

from .journal_life import writing


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
