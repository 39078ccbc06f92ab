"""What the system refuses to a session that is made or started again: told as what it is, and it leaves nothing."""

import errno
import os
import threading
from pathlib import Path

import pytest

from sandbox_agent.actors.machine.descriptors import SESSION, Sizing
from sandbox_agent.actors.machine.shortage import Shortage
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ..house import events_of, house


def refuse_to_fork(patch: pytest.MonkeyPatch, number: int) -> None:
    """As the kernel does at a limit of processes or memory, wherever a terminal's child would be born."""

    def fork(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    patch.setattr(os, "forkpty", fork)
    patch.setattr(os, "fork", fork)


def open_descriptors() -> list[str]:
    return sorted(str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())


FORKS = [(errno.EAGAIN, "processes or threads", "ulimit -u"), (errno.ENOMEM, "memory", "more memory")]


@pytest.mark.parametrize(("number", "resource", "remedy"), FORKS)
async def test_a_fork_that_is_refused_is_a_503_that_names_what_is_short(monkeypatch, number, resource, remedy):
    async with house() as h:
        with monkeypatch.context() as patch:
            refuse_to_fork(patch, number)
            with pytest.raises(Problem) as failed:
                await h.create()
        problem = failed.value
        assert (problem.kind, problem.status) == ("resource_exhausted", 503)
        assert problem.body()["resource"] == resource
        assert remedy in problem.detail
        assert (await h.daemon.list_sessions()).sessions == ()
        await h.turn(await h.create(), "hello")


async def test_forks_that_are_refused_leave_no_descriptors(monkeypatch):
    async with house() as h:
        await h.turn(await h.create("first"), "hello", "first")
        before = len(open_descriptors())
        with monkeypatch.context() as patch:
            refuse_to_fork(patch, errno.EAGAIN)
            for number in range(20):
                with pytest.raises(Problem):
                    await h.create(f"s{number}")
        assert len(open_descriptors()) == before


async def test_a_thread_that_cannot_start_is_a_503_and_the_session_is_not_made(monkeypatch):
    started = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with house() as h:
        log = await h.create("first")
        await h.turn(log, "hello", "first")
        # Trio keeps threads for later use; those are taken by others.
        monkeypatch.setattr("trio._core._thread_cache.ThreadCache.start_thread_soon", _no_thread)
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(Problem) as failed:
            await h.create()
        assert (failed.value.kind, failed.value.status) == ("resource_exhausted", 503)
        assert "no thread can be started" in failed.value.detail
        monkeypatch.undo()
        assert threading.Thread.start is started
        await h.turn(log, "still here", "first")
        await h.turn(await h.create(), "hello")


def _no_thread(*_: object, **__: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(("number", "resource", "remedy"), FORKS)
async def test_a_prompt_whose_agent_cannot_be_started_again_tells_what_is_short(monkeypatch, number, resource, remedy):
    async with house(suspend_after=0.05) as h:
        log = await h.create()
        await h.turn(log, "hello")
        await h.until_status("suspended")
        with monkeypatch.context() as patch:
            refuse_to_fork(patch, number)
            await h.send("again")
            error = await h.until_type(log, "error")
        assert error["data"]["code"] == "resource_exhausted"
        assert resource in error["data"]["message"]
        assert remedy in error["data"]["message"]
        turn = await h.turn(log, "and again")
        assert turn[-1]["type"] == "turn.ended"
        assert len([event for event in events_of(log) if event["type"] == "error"]) == 1


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (OSError(errno.EMFILE, "x"), "file descriptors"),
        (OSError(errno.ENFILE, "x"), "file descriptors"),
        (OSError(errno.ENOMEM, "x"), "memory"),
        (MemoryError(), "memory"),
        (RuntimeError("can't start new thread"), "processes or threads"),
        (ExceptionGroup("", [ValueError(), OSError(errno.EMFILE, "x")]), "file descriptors"),
    ],
)
def test_what_is_short_is_known_by_the_error(error, resource):
    shortage = Shortage.of(error)
    assert shortage is not None
    assert shortage.resource == resource


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), OSError("x"), RuntimeError("x"), BlockingIOError()])
def test_other_errors_are_no_shortage(error):
    assert Shortage.of(error) is None


@pytest.mark.parametrize("limit", [64, 96, 256, 1024, 4096, 20_000, 1 << 20])
def test_what_the_limit_is_shared_out_to_fits_into_it(limit):
    settings = Settings()
    sizing = Sizing.fit(settings, limit, 16)
    assert 1 <= sizing.connections <= settings.max_connections
    assert 0 <= sizing.sessions <= settings.max_sessions
    if limit > 64:
        assert sizing.connections + sizing.sessions * SESSION + settings.reserved_descriptors + 16 <= limit
        assert sizing.sessions >= 1


def test_with_room_for_all_nothing_is_taken_away():
    settings = Settings()
    sizing = Sizing.fit(settings, 1 << 16, 16)
    assert (sizing.connections, sizing.sessions) == (settings.max_connections, settings.max_sessions)
