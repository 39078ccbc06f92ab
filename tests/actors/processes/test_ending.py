"""Ending an agent: whatever is used up, however long a look takes, and whatever fails half-way, nobody is left."""

import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
import trio
import trio.testing
from attrs import evolve

from sandbox_agent.actors.machine.descriptor_reserve import DescriptorReserve, Exhausted
from sandbox_agent.actors.machine.owner import ProcessId
from sandbox_agent.actors.machine.proc_visibility import ProcNotVisible
from sandbox_agent.actors.machine.process_rows import NOBODY, ProcessRow, read_all, read_process
from sandbox_agent.actors.machine.signals import send_signal
from sandbox_agent.actors.processes.agent_process import AgentProcess, SpawnFailed
from sandbox_agent.actors.processes.command import Finished, run_command
from sandbox_agent.actors.processes.ending import end_process
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.actors.processes.tree import ProcessTree
from sandbox_agent.actors.processes.unverified_trees import UnverifiedTrees
from sandbox_agent.schema.settings import Settings

from ..machine.exhaustion import no_descriptors, no_threads, open_descriptors
from . import nasty

SETTINGS = Settings(end_eof=0.1, end_interrupt=0.1, end_terminate=0.3, end_kill=1.0, exit_poll_interval=0.01)
TIME_LIMIT = 60


class Table(ProcessTable):
    """Looks take ``delay`` seconds longer, and fail when ``failure`` is set. ``looks`` counts them."""

    def __init__(self, size: int = 8) -> None:
        super().__init__(reserve=DescriptorReserve(size))
        self.reserve.fill()
        self.delay = 0.0
        self.failure: Exception | None = None
        self.looks = 0

    async def rows(self) -> list[ProcessRow]:
        self.looks += 1
        if (failure := self.failure) is not None:
            await trio.lowlevel.checkpoint()
            raise failure
        # As a thread that reads /proc: it cannot be cancelled.
        with trio.CancelScope(shield=True):
            rows = await super().rows()
            await trio.sleep(self.delay)
        await trio.lowlevel.checkpoint()
        return rows


@asynccontextmanager
async def agent(argv: list[str], table: ProcessTable, settings: Settings = SETTINGS) -> AsyncIterator[AgentProcess]:
    """Watched as a link does; the test ends it."""
    environment = {"PATH": os.environ["PATH"]}
    process = await AgentProcess.spawn(argv, environment, "/", table.marker(), table, settings)
    try:
        with trio.fail_after(TIME_LIMIT):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(process.watch)
                nursery.start_soon(process.drain_terminal)
                yield process
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await process.aclose()
        table.reserve.close()


@pytest.fixture
def pids(tmp_path: Path) -> Generator[Path]:
    path = tmp_path / "pids"
    yield path
    for pid in nasty.survivors(path):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def neither() -> Generator[None]:
    with no_threads(), no_descriptors():
        yield


@pytest.mark.parametrize("used_up", [no_descriptors, no_threads, neither])
@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead by itself"])
async def test_a_tree_is_ended_whatever_is_used_up(
    used_up: Callable[[], AbstractContextManager[None]], dead: bool, pids: Path
) -> None:
    table = Table()
    before = open_descriptors()
    async with agent(nasty.command(pids), table) as process:
        await nasty.until_there_are(nasty.SETTLED, pids)
        if dead:
            process.signal(signal.SIGKILL)
            await process.wait()
        with used_up():
            assert await end_process(process, SETTINGS, polite=False) == ""
            await process.wait()
        assert nasty.survivors(pids) == []
    assert set(open_descriptors()) <= set(before)
    assert table.children == []


@pytest.mark.parametrize("delay", [0.3, 1.1])
async def test_slow_looks_leave_nobody_alive_and_nobody_stopped(delay: float, pids: Path) -> None:
    """The time of the last rung begins with the first SIGKILL, not with the look before it."""
    table = Table()
    async with agent(nasty.command(pids), table) as process:
        await nasty.until_there_are(nasty.SETTLED, pids)
        table.delay = delay
        assert await process.tree.end(0, 1.0) == set()
        assert nasty.survivors(pids) == []


async def test_who_was_stopped_is_killed_when_the_end_is_cancelled(pids: Path) -> None:
    table = Table()
    async with agent(nasty.command(pids), table) as process:
        await nasty.until_there_are(nasty.SETTLED, pids)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(process.tree.end, 0, 60)
                while not any(stopped(pid) for pid in nasty.family(pids)):
                    await trio.sleep(0)
                scope.cancel()
        await until_nobody(pids)


def stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


async def until_nobody(pids: Path) -> None:
    with trio.fail_after(TIME_LIMIT):
        while nasty.survivors(pids):
            await trio.sleep(0.01)


async def test_an_error_between_two_rungs_ends_the_tree_all_the_same(pids: Path) -> None:
    table = Table()
    async with agent(nasty.command(pids), table) as process:
        await nasty.until_there_are(nasty.SETTLED, pids)
        with patch.object(ProcessTree, "send", side_effect=RuntimeError("a bug")), pytest.raises(RuntimeError):
            await process.tree.end(1, 1)
        await until_nobody(pids)


async def test_without_any_look_all_that_are_known_are_killed_and_the_rest_when_one_can_look_again(pids: Path) -> None:
    table = Table()
    async with agent(nasty.command(pids), table) as process:
        table.failure = Exhausted("used up by the test")
        await nasty.until_there_are(nasty.SETTLED, pids)
        said = await end_process(process, SETTINGS, polite=False)
        assert "could not be verified" in said
        assert "used up by the test" in said
        assert (await process.wait()).signal is not None
        # Its brothers have left its process group, and nobody has ever seen them.
        assert nasty.survivors(pids)
        assert "could not be verified" in "".join(table.troubles)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(table.run)
            looks = table.looks
            while table.looks < looks + 2:
                await trio.sleep(0.01)
            assert table.troubles
            table.failure = None
            await until_nobody(pids)
            while table.troubles:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()


async def test_where_proc_tells_nothing_the_process_group_is_ended_and_nobody_waits(tmp_path: Path) -> None:
    table = Table()
    told = tmp_path / "told"
    code = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pid = os.fork()
if pid:
    open({str(told)!r}, "w").write(str(pid))
time.sleep(600)
"""
    async with agent([sys.executable, "-c", code], table) as process:
        while not (told.exists() and told.read_text()):
            await trio.sleep(0.01)
        child = int(told.read_text())
        table.failure = ProcNotVisible("not mounted, says the test")
        assert await end_process(process, SETTINGS, polite=False) == ""
        assert (await process.wait()).signal is not None
        while (row := next((row for row in read_all() if row.id.pid == child), None)) is not None and not row.zombie:
            await trio.sleep(0.01)
        assert table.troubles == []


RESTLESS = """
import mmap, os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
births = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)
until = time.monotonic() + 30
if os.fork():
    time.sleep(600)
while time.monotonic() < until:
    births[:] = (int.from_bytes(births[:], "little") + 1).to_bytes(8, "little")
    if os.fork():
        os._exit(0)
"""
"""Its child forks and exits again and again, in less time than a look takes; for half a minute, if nobody ends it."""


@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead by itself"])
async def test_who_forks_and_exits_faster_than_a_look_is_killed_with_its_process_group(
    dead: bool, tmp_path: Path
) -> None:
    table = Table()
    births = tmp_path / "births"
    births.write_bytes(bytes(8))

    def count() -> int:
        return int.from_bytes(births.read_bytes(), "little")

    async with agent([sys.executable, "-IS", "-c", RESTLESS, str(births)], table) as process:
        while count() < 20:
            await trio.sleep(0.01)
        if dead:
            process.signal(signal.SIGKILL)
            await process.wait()
        assert await end_process(process, SETTINGS, polite=False) == ""
        ended = count()
        await trio.sleep(0.5)
        assert count() == ended


async def test_a_tree_of_nobody_never_signals_our_own_process_group():
    tree = ProcessTree(NOBODY, "no such marker", Table())
    with patch("os.killpg") as killpg:
        tree.signal_known(signal.SIGTERM)
        assert not tree.group_lives()
    killpg.assert_not_called()


# What fails in a start.


NEEDED = 9
"""Descriptors that a start takes for a moment: two pipes, a place for the terminal, ptyprocess's pipe, a PTY."""


def children() -> set[int]:
    return {row.id.pid for row in read_all() if row.parent == os.getpid() and not row.zombie}


@pytest.mark.parametrize("left", range(14))
async def test_a_start_without_descriptors_leaves_neither_one_of_them_nor_a_child(left: int) -> None:
    """At whichever of them it fails: somebody may take the last ones right after it was seen that there are enough."""
    table = Table()
    settings = evolve(SETTINGS, reserved_descriptors=0)
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    await trio.to_thread.run_sync(lambda: None)  # what trio keeps is open by now
    descriptors, family = open_descriptors(), children()
    process: AgentProcess | None = None
    environment = {"PATH": os.environ["PATH"]}
    with patch.object(table.descriptors, "require"), no_descriptors(left), suppress(SpawnFailed):
        process = await AgentProcess.spawn(argv, environment, "/", table.marker(), table, settings)
    assert (process is None) == (left < NEEDED)
    if process is not None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.watch)
            await end_process(process, settings, polite=False)
            await process.wait()
        await process.aclose()
    assert open_descriptors() == descriptors
    assert children() == family
    assert table.children == []


async def test_an_agent_that_nobody_watches_any_more_is_reaped_with_its_link() -> None:
    table = Table()
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = await AgentProcess.spawn(argv, {}, "/", table.marker(), table, SETTINGS)
    await process.aclose()
    assert process.status is not None
    assert table.children == []
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


# Without pidfds.

ERRORS = [OSError(errno.ENOSYS, "no pidfds"), OSError(errno.EPERM, "forbidden"), AttributeError("an old build")]


@contextmanager
def no_pidfd(error: Exception) -> Generator[None]:
    with patch("os.pidfd_open", side_effect=error), patch("signal.pidfd_send_signal", side_effect=error):
        yield


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_an_exit_is_noticed_and_a_tree_ended_without_pidfds(error: Exception, pids: Path) -> None:
    with no_pidfd(error):
        table = Table()
        async with agent([sys.executable, "-c", "raise SystemExit(7)"], table) as process:
            assert (await process.wait()).code == 7
        table = Table()
        async with agent(nasty.command(pids), table) as process:
            await nasty.until_there_are(nasty.SETTLED, pids)
            assert await end_process(process, SETTINGS, polite=False) == ""
            assert (await process.wait()).signal == signal.SIGKILL
            assert nasty.survivors(pids) == []


async def test_an_agent_that_starts_with_the_last_descriptor_is_watched_by_polling_until_there_are_more() -> None:
    """EMFILE is of the moment; it must not be what the session dies of."""
    table = Table()
    opened: list[int] = []
    real = os.pidfd_open

    def seldom(pid: int) -> int:
        opened.append(pid)
        if len(opened) < 4:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(pid)

    with patch("os.pidfd_open", seldom):
        async with agent([sys.executable, "-c", "input()"], table) as process:
            while len(opened) < 4:
                await trio.sleep(0.01)
            await process.close_stdin()
            assert (await process.wait()).code == 1


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_a_pid_that_was_given_out_again_is_not_hit_without_pidfds(error: Exception) -> None:
    me = read_process(os.getpid())
    assert me is not None
    with no_pidfd(error), patch("os.kill") as kill:
        assert not send_signal(ProcessId(os.getpid(), me.id.started + 1), signal.SIGKILL)
        kill.assert_not_called()
        assert send_signal(me.id, signal.SIGCONT)
        kill.assert_called_once_with(os.getpid(), signal.SIGCONT)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_a_program_is_run_to_its_end_with_neither_pidfds_nor_threads(error: Exception, tmp_path: Path) -> None:
    """trio's own way of waiting needs a thread then, and takes the loop down when there is none."""
    table = Table()
    environment = {"PATH": os.environ["PATH"]}
    go = tmp_path / "go"
    code = (
        f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('done'); raise SystemExit(3)"
    )
    done: list[Finished] = []

    async def run() -> None:
        argv = [sys.executable, "-c", code]
        done.append(await run_command(argv, environment, Path("/"), table.marker(), table))

    with no_pidfd(error), trio.fail_after(TIME_LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            while not table.children:
                await trio.sleep(0.01)
            with no_threads():
                go.touch()
                while not done:
                    await trio.sleep(0.01)
    assert (done[0].status, done[0].stdout) == (3, "done\n")


async def test_a_program_that_no_thread_can_start_is_an_oserror() -> None:
    table = Table()
    with no_threads(), pytest.raises(OSError, match="thread"):
        await run_command([sys.executable, "-c", ""], {}, Path("/"), table.marker(), table)


async def test_trees_that_cannot_be_verified_are_tried_less_and_less_often(autojump_clock: trio.testing.MockClock):
    table = Table()
    table.failure = Exhausted("used up")
    unverified = UnverifiedTrees()
    unverified.add(ProcessTree(NOBODY, "no such marker", table))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(unverified.run)
        await trio.sleep(600)
        assert 20 < table.looks < 200
        table.failure = None
        while unverified.trouble:
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
