"""A session is never wedged by the end of its agent, and who reaps the dead cannot take the daemon down."""

import ctypes
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
import structlog.testing
import trio
import trio.testing

from sandbox_agent.actors.agents import link as link_module
from sandbox_agent.actors.agents.hook_server import HookServer
from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.actors.kernel.supervisor import keep_up
from sandbox_agent.actors.machine.descriptor_reserve import DescriptorReserve, Exhausted
from sandbox_agent.actors.machine.proc_visibility import ProcNotVisible
from sandbox_agent.actors.machine.process_rows import ProcessRow
from sandbox_agent.actors.processes.private_directory import PrivateDirectory
from sandbox_agent.actors.processes.reaper import PR_SET_CHILD_SUBREAPER, Reaper
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.actors.processes.tree import ProcessTree
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from ..house import events_of, house
from ..machine.exhaustion import no_descriptors, no_threads, open_descriptors


@pytest.fixture
def adoption() -> Generator[None]:
    """A reaper makes its process a subreaper. The tests after it must not adopt, and never reap, what theirs leave."""
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


QUICK = {"end_eof": 0.1, "end_interrupt": 0.1, "end_terminate": 0.2, "end_kill": 0.5}


async def test_an_end_that_could_not_be_verified_is_told_and_is_verified_later():
    async with house(**QUICK) as h:
        log = await h.create()
        await h.turn(log, "spawn")
        with patch.object(ProcessTable, "rows", side_effect=Exhausted("used up by the test")):
            await h.daemon.terminate("s")
            assert (await h.daemon.session_info("s")).status == "ended"
            (told,) = [e["data"] for e in events_of(log) if e["type"] == "error"]
            assert told["code"] == "end_unverified"
            assert "used up by the test" in told["message"]
            assert "could not be verified" in "".join(h.daemon.health().problems)
        while h.daemon.health().problems:
            await trio.sleep(0.01)
        assert h.agents_alive() == []


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError(), OSError(5, "Input/output error")], ids=repr)
async def test_an_error_in_the_midst_of_an_end_wedges_no_session_and_leaves_nobody(error: Exception):
    real = link_module.end_process

    async def fails(*arguments: object, **options: object) -> str:
        with patch.object(ProcessTree, "_terminate", side_effect=error):
            return await real(*arguments, **options)  # pyright: ignore[reportArgumentType]

    async with house(**QUICK) as h:
        log = await h.create()
        await h.turn(log, "spawn")
        other = await h.create("other")
        with patch.object(link_module, "end_process", fails), trio.fail_after(PATIENCE):
            # The session crashes, and its next life takes the next command.
            with pytest.raises(Problem, match="failed"):
                await h.daemon.terminate("s")
            await h.daemon.terminate("s")
        while len(h.agents_alive()) > 1:
            await trio.sleep(0.01)
        assert (await h.daemon.session_info("s")).status == "ended"
        assert "still here" in str(await h.turn(other, "echo still here", "other"))


class Unlucky(ProcessTable):
    """Fails to look ``times`` times."""

    def __init__(self, times: int, failure: Exception) -> None:
        super().__init__()
        self.times = times
        self.failure = failure

    async def rows(self) -> list[ProcessRow]:
        self.times -= 1
        if self.times >= 0:
            await trio.lowlevel.checkpoint()
            raise self.failure
        return await super().rows()


@pytest.mark.usefixtures("adoption")
async def test_a_reaper_that_cannot_look_says_so_once_and_reaps_when_it_can():
    table = Unlucky(3, Exhausted("used up"))
    with structlog.testing.capture_logs() as logs, patch("sandbox_agent.actors.processes.reaper.PAUSE", 0.01):
        async with trio.open_nursery() as nursery:
            await nursery.start(Reaper(table).run)
            # Nobody waits for it but the reaper.
            child = subprocess.Popen([sys.executable, "-c", ""])
            with trio.fail_after(PATIENCE):
                while os.path.exists(f"/proc/{child.pid}"):  # noqa: PTH110
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    child.returncode = 0  # so that Popen does not look for it
    assert [line["event"] for line in logs].count("cannot look for dead processes to reap") == 1


@pytest.mark.usefixtures("adoption")
async def test_a_reaper_without_a_proc_does_not_try_for_ever():
    table = Unlucky(1 << 30, ProcNotVisible("not mounted"))
    with (
        patch("sandbox_agent.actors.processes.reaper.PAUSE", 0.001),
        patch("sandbox_agent.actors.processes.reaper.SETTLE", 0.001),
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(Reaper(table).run)
            os.kill(os.getpid(), signal.SIGCHLD)
            while table.times == 1 << 30:
                await trio.sleep(0.001)
            seen = table.times
            await trio.sleep(0.3)
            assert table.times == seen
            nursery.cancel_scope.cancel()


async def test_a_task_of_the_upkeep_is_begun_again_for_ever_and_takes_nobody_down(
    autojump_clock: trio.testing.MockClock,
):
    begun: list[float] = []

    async def fails() -> None:
        begun.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        raise ValueError("a bug of ours")

    with structlog.testing.capture_logs():
        async with trio.open_nursery() as nursery:
            await nursery.start(keep_up, "a test", fails)
            await trio.sleep(3600)
            nursery.cancel_scope.cancel()
    pauses = [after - before for before, after in itertools.pairwise(begun)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert 60 < len(begun) < 80


@pytest.mark.parametrize("left", range(6))
async def test_a_hook_server_that_finds_no_descriptor_leaves_neither_a_directory_nor_a_socket(
    left: int, tmp_path: Path
):
    reserve = DescriptorReserve(4)
    reserve.fill()
    await trio.to_thread.run_sync(lambda: None)
    before = open_descriptors()
    with patch("tempfile.tempdir", str(tmp_path)):
        server: HookServer | None = None
        with no_descriptors(left), suppress(OSError):
            server = await HookServer.open(Settings(), await PrivateDirectory.make("a-journal"), reserve)
        assert (server is None) == (left < 3)  # for its directory, the socket, and the directory once more
        if server is not None:
            await server.aclose()
    assert list(tmp_path.iterdir()) == []
    assert open_descriptors() == before
    reserve.close()


@pytest.mark.parametrize("used_up", [no_descriptors, no_threads])
async def test_a_journal_that_finds_nothing_to_read_with_keeps_its_events_and_goes_on(
    used_up: Callable[[], AbstractContextManager[None]], tmp_path: Path
) -> None:
    """Its oldest events are to go: that needs a look at the file. All sessions would have ended with it."""
    async with house(data_dir=str(tmp_path), session_bytes=20_000, **QUICK) as h:
        log = await h.create()
        with structlog.testing.capture_logs() as logs:
            with used_up():
                await h.turn(log, "burst 200 200")
                while not any(line["event"] == "the oldest events of a session stay for now" for line in logs):
                    await trio.sleep(0.01)
            assert log.first == 1
            await h.turn(log, "echo still here")
            while log.first == 1:
                await trio.sleep(0.01)
        assert not [line for line in logs if line["log_level"] == "error"]
        assert h.daemon.actor_restarts()["journal"] == 0


@pytest.mark.parametrize("used_up", [no_descriptors, no_threads])
async def test_a_journal_is_closed_whole_whatever_is_used_up(
    used_up: Callable[[], AbstractContextManager[None]], tmp_path: Path
) -> None:
    daemon = Daemon(Settings(data_dir=str(tmp_path), **QUICK), {"PATH": os.environ["PATH"]})
    with structlog.testing.capture_logs() as logs, trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.run)
            await daemon.create_session("s", CreateSessionRequest(agent="mock"))
            with used_up():
                await daemon.stop()
    assert not [line for line in logs if line["log_level"] == "error"]
    # SQLite takes it away when the last connection is closed.
    assert not list(tmp_path.glob("*-wal"))
