"""What a killed daemon leaves is found by its journal's id and ended; nobody else's is touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.machine.descriptor_reserve import DescriptorReserve
from sandbox_agent.actors.machine.owner import Owner
from sandbox_agent.actors.machine.process_rows import MARKER, read_all, read_process
from sandbox_agent.actors.machine.signals import send_signal
from sandbox_agent.actors.processes.agent_process import AgentProcess
from sandbox_agent.actors.processes.ending import end_process
from sandbox_agent.actors.processes.orphans import end_orphans
from sandbox_agent.actors.processes.private_directory import PrivateDirectory, remove_left
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from . import nasty

SETTINGS = Settings(end_eof=0.2, end_interrupt=0.2, end_terminate=0.5, end_kill=2.0)

A = f"journal-{os.getpid()}-a"
"""A journal of this process alone: other tests of this file may run beside it."""

SLEEP = ("sleep", "600")
HIDDEN = ("sh", "-c", "trap '' TERM INT HUP; setsid sh -c 'sleep 600 & sleep 600' & exec sleep 600")


@contextmanager
def left(marker: str, *command: str, **env: str) -> Generator["subprocess.Popen[bytes]"]:
    """A program as a killed daemon would have left it; ended at the end of the test in any case."""
    process = subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], MARKER: marker, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for row in read_all():
            if row.marker == marker:
                send_signal(row.id, signal.SIGKILL)
        process.communicate()


def carrying(marker: str) -> list[int]:
    return [row.id.pid for row in read_all() if row.marker == marker and not row.zombie]


async def test_a_program_that_resists_everything_is_gone(tmp_path: Path):
    pids = tmp_path / "pids"
    with trio.fail_after(PATIENCE), left(f"{A}.1", *nasty.command(pids)) as process:
        await nasty.until_there_are(nasty.SETTLED, pids)
        process.terminate()
        await nasty.until_there_are(nasty.SETTLED + 1, pids)  # it really forks when it is asked to go
        await end_orphans(A, ProcessTable(), SETTINGS)
        assert nasty.survivors(pids) == []


async def test_the_ladder_ends_a_program_that_resists_everything(tmp_path: Path):
    pids = tmp_path / "pids"
    table = ProcessTable()
    environment = {"PATH": os.environ["PATH"]}
    with trio.fail_after(PATIENCE):
        process = await AgentProcess.spawn(nasty.command(pids), environment, "/", table.marker(), table, SETTINGS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.watch)
            await nasty.until_there_are(nasty.SETTLED, pids)
            await end_process(process, SETTINGS)
            await process.wait()
            await process.aclose()
        assert nasty.survivors(pids) == []


async def test_all_agents_of_the_journal_are_ended_and_nobody_elses():
    with (
        trio.fail_after(PATIENCE),
        left(f"{A}.1", *HIDDEN),
        left(f"{A}.2", *SLEEP),
        left(f"{A}b.1", *SLEEP) as other,
        left(f"x-{A}.1", *SLEEP, **{f"NOT_{MARKER}": f"{A}.3"}) as prefixed,
    ):
        while len(carrying(f"{A}.1")) < 3:
            await trio.sleep(0.01)
        await end_orphans(A, ProcessTable(), SETTINGS)
        assert carrying(f"{A}.1") == carrying(f"{A}.2") == []
        assert other.poll() is None
        assert prefixed.poll() is None


async def test_a_child_with_another_environment_goes_with_its_parent():
    script = "env -i sleep 600 & echo $!; wait"
    with trio.fail_after(PATIENCE), left(f"{A}.1", "sh", "-c", script) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        await end_orphans(A, ProcessTable(), SETTINGS)
        row = read_process(child)
        assert row is None or row.zombie


@contextmanager
def another_daemon() -> Generator[Owner]:
    """A process that could be one: it lives, and is not us."""
    process = subprocess.Popen(SLEEP)
    try:
        row = read_process(process.pid)
        assert row is not None
        yield Owner.here(row.id)
    finally:
        process.kill()
        process.wait()


async def test_what_a_living_daemon_of_a_copied_journal_owns_stays_until_that_daemon_is_dead():
    with trio.fail_after(PATIENCE), ExitStack() as stack:
        with another_daemon() as owner:
            theirs = stack.enter_context(left(f"{A}.{owner}.1", *SLEEP))
            older = stack.enter_context(left(f"{A}.2", *SLEEP))
            await end_orphans(A, ProcessTable(), SETTINGS)
            assert theirs.poll() is None
            assert older.wait(PATIENCE) < 0, "what a version left that named no owner"
        await end_orphans(A, ProcessTable(), SETTINGS)
        assert theirs.wait(PATIENCE) < 0


async def test_what_this_process_owned_in_a_former_life_is_left_over():
    """Its actors start again, or it went on as a new program: pid and start time are the same."""
    owner = Owner.own()
    assert owner is not None
    with trio.fail_after(PATIENCE), left(f"{A}.{owner}.1", *SLEEP) as process:
        await end_orphans(A, ProcessTable(), SETTINGS)
        assert process.wait(PATIENCE) < 0


async def test_a_forged_owner_does_not_save_what_has_a_parent_in_the_tree():
    with trio.fail_after(PATIENCE), another_daemon() as owner:
        script = f"{MARKER}={A}.{owner}.1 sleep 600 & echo $!; wait"
        with left(f"{A}.1", "sh", "-c", script) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            await end_orphans(A, ProcessTable(), SETTINGS)
            row = read_process(child)
            assert row is None or row.zombie


async def test_a_marker_names_this_process_as_the_owner():
    marker = ProcessTable(lambda: A).marker()
    assert marker.startswith(f"{A}.")
    assert Owner.of_marker(marker) == Owner.own() is not None


async def test_with_nothing_left_it_looks_once():
    table = ProcessTable()
    await end_orphans("journal-of-nobody", table, SETTINGS)
    assert repr(table).endswith("reads=1 children=0>")


A_DAEMON_THAT_AN_AGENT_STARTED = """
import sys
import trio
from sandbox_agent.actors.processes.orphans import end_orphans
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.settings import Settings
trio.run(end_orphans, sys.argv[1], ProcessTable(), Settings(end_terminate=0.2))
print("alive")
"""


def test_a_daemon_that_carries_the_marker_itself_does_not_end_itself():
    """Its agent started it: from the shell of a session, in which the user replaces the daemon."""
    with left(f"{A}.1", sys.executable, "-c", A_DAEMON_THAT_AN_AGENT_STARTED, A) as process:
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert said == b"alive\n"


def killed(directory: PrivateDirectory) -> PrivateDirectory:
    """As its daemon's death leaves it: the kernel has taken the lock back."""
    assert directory.claim is not None
    directory.claim.release()
    return directory


async def test_private_directories_of_the_journal_go_and_nobody_elses(tmp_path: Path):
    ours = killed(await PrivateDirectory.make(A, str(tmp_path)))
    other = killed(await PrivateDirectory.make("journal-b", str(tmp_path)))
    assert "journal" not in ours.path.name
    (ours.path / "settings.json").write_text("a user's own file")
    assert remove_left(A, str(tmp_path)) == [ours.path]
    assert not ours.path.exists()
    assert other.path.is_dir()


async def test_a_private_directory_of_a_living_daemon_stays_until_that_daemon_is_dead(tmp_path: Path):
    theirs = await PrivateDirectory.make(A, str(tmp_path))
    assert remove_left(A, str(tmp_path)) == []
    assert theirs.path.is_dir()
    killed(theirs)
    assert remove_left(A, str(tmp_path)) == [theirs.path]
    assert not theirs.path.exists()


async def test_no_private_directory_is_taken_for_left_while_it_is_being_made(tmp_path: Path):
    """Another daemon of the same journal looks for what was left all the time."""
    made: list[PrivateDirectory] = []

    async def look() -> None:
        while True:
            await trio.to_thread.run_sync(remove_left, A, str(tmp_path))

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            while len(made) < 100:
                with suppress(FileNotFoundError):  # said, not silently without a directory
                    made.append(await PrivateDirectory.make(A, str(tmp_path)))
            nursery.cancel_scope.cancel()
    assert all(directory.path.is_dir() for directory in made)
    for directory in made:
        await directory.remove(DescriptorReserve(0))


@pytest.mark.parametrize("trap", ["link", "open to others", "file"])
async def test_what_only_looks_like_a_private_directory_stays(tmp_path: Path, trap: str):
    """Where temporary files are, anybody may make a name; only the daemon makes a directory with this mode."""
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (victim / "precious").write_text("")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    directory = killed(await PrivateDirectory.make(A, str(temporary)))
    path = directory.path
    path.rmdir()
    match trap:
        case "link":
            path.symlink_to(victim)
        case "open to others":
            path.mkdir(mode=0o755)
        case _:
            path.write_text("")
    assert remove_left(A, str(temporary)) == []
    assert path.exists()
    assert (victim / "precious").exists()
