"""A thread follows the one that waits for it, and its processors are given back to it whatever happens."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
import trio
import trio.testing

from sandbox_agent.actors.journal.disk import DiskJournal
from sandbox_agent.actors.journal.group_commit import MEMORY, QUICK, Job
from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.sqlite import SqliteStore
from sandbox_agent.actors.machine.cpu_affinity import CpuAffinity

from ...patience import PATIENCE
from .journal_life import event, life, row, writing

ALL = os.sched_getaffinity(0)


@contextmanager
def other_thread() -> Iterator[tuple[CpuAffinity, int]]:
    """An affinity of a thread that waits, and the thread's id."""
    made: SimpleQueue[tuple[CpuAffinity, int]] = SimpleQueue()
    over = threading.Event()

    affinity = CpuAffinity()
    assert repr(affinity) == "<CpuAffinity none>"
    affinity.follow()
    assert os.sched_getaffinity(0) == ALL

    def run() -> None:
        affinity.begin()
        made.put((affinity, threading.get_native_id()))
        over.wait()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield made.get()
    finally:
        over.set()
        thread.join()


@contextmanager
def caller_on(processor: int) -> Iterator[None]:
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ALL)


def narrowed() -> set[int]:
    """The threads of this process that may not run everywhere."""
    return {int(task.name) for task in Path("/proc/self/task").iterdir() if os.sched_getaffinity(int(task.name)) != ALL}


@pytest.mark.parametrize("processor", sorted(ALL)[:2])
def test_a_thread_follows_its_waiter_and_is_freed(processor: int):
    with other_thread() as (affinity, thread):
        assert repr(affinity) == "<CpuAffinity free>"
        with caller_on(processor):
            affinity.follow()
        assert os.sched_getaffinity(thread) == {processor}
        assert repr(affinity) == f"<CpuAffinity on {processor}>"
        affinity.free()
        assert os.sched_getaffinity(thread) == ALL
        assert repr(affinity) == "<CpuAffinity free>"


def test_after_its_end_nobody_moves_the_thread_any_more():
    with other_thread() as (affinity, thread):
        affinity.follow()
        affinity.end()
        assert os.sched_getaffinity(thread) == ALL
        affinity.follow()
        assert os.sched_getaffinity(thread) == ALL
        assert repr(affinity) == "<CpuAffinity none>"


def test_where_it_is_forbidden_the_thread_stays_where_it_is(monkeypatch: pytest.MonkeyPatch):
    def forbidden(thread: int, processors: set[int]) -> None:
        raise PermissionError(1, "seccomp says no")

    with other_thread() as (affinity, thread):
        with monkeypatch.context() as patched:
            patched.setattr(os, "sched_setaffinity", forbidden)
            affinity.follow()
        affinity.follow()
        assert os.sched_getaffinity(thread) == ALL


@pytest.mark.parametrize("processor", [None, lambda: -1])
def test_where_nobody_knows_the_processor_the_thread_stays_where_it_is(processor: Callable[[], int] | None):
    with other_thread() as (affinity, thread):
        affinity._processor = processor
        affinity.follow()
        assert os.sched_getaffinity(thread) == ALL


async def follow(journal: DiskJournal) -> None:
    """Write until its writer follows: a commit that took too long frees it, and the next one calls it again."""
    while "<CpuAffinity on" not in repr(journal):
        await journal.write(Entry("s", events=[event(1)]))


async def test_the_writer_follows_while_it_lives_and_its_thread_is_given_back_whole(tmp_path: Path):
    # The thread goes back to trio's pool: an agent that it forks later would be kept on one processor.
    async with life(tmp_path) as journal:
        await journal.create(row())
        await follow(journal)
    assert narrowed() == set()
    async with life(tmp_path) as journal:
        await follow(journal)
    assert narrowed() == set()


async def test_a_commit_that_takes_long_frees_its_thread_and_is_done_all_the_same(tmp_path: Path):
    go_on = threading.Event()
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def slow(_: SqliteStore) -> None:
        token.run_sync_soon(begun.set)
        go_on.wait()

    async with writing(tmp_path) as (writer, _):
        while "<CpuAffinity on" not in repr(writer):
            await writer.put(Job(lambda _: None, lambda: None)).wait()
        try:
            job = writer.put(Job(slow, lambda: None))
            await begun.wait()
            await trio.testing.wait_all_tasks_blocked()
            assert narrowed() == set()
            assert not job.settled.is_set()
        finally:
            go_on.set()
        await job.wait()


async def test_a_writer_that_is_not_waited_for_is_free(tmp_path: Path):
    # On a slow disk the loop does not stand still, and both would share one processor.
    async with life(tmp_path) as journal:
        await journal.create(row())
        await follow(journal)
        writer = journal._writer
        assert writer is not None
        for _ in range(3 * MEMORY):
            await writer.put(Job(lambda _: time.sleep(2 * QUICK), lambda: None)).wait()
        await writer.put(Job(lambda _: None, lambda: None)).wait()
        assert "<CpuAffinity free>" in repr(writer)


async def test_a_writer_that_purges_is_free(tmp_path: Path):
    async with life(tmp_path) as journal:
        await journal.create(row())
        await follow(journal)
        await journal.delete("s")
        with trio.fail_after(PATIENCE):
            while "<CpuAffinity free>" not in repr(journal):
                await trio.sleep(0.001)
