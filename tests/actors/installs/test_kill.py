"""Installs whose process is killed: nothing half-made is ever run, and the next install clears it away."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from .world import LIMIT, POLL, VERSION, World, alive, said


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@contextmanager
def command(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    """``sandbox-agent install-agent`` as another process on the same data directory."""
    argv = [sys.executable, "-m", "sandbox_agent.cli.main", "install-agent", "claude"]
    process = subprocess.Popen(
        [*argv, "--data-dir", str(world.data), "--agent-version", VERSION],
        env=world.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(LIMIT)


async def test_after_kill_9_nothing_is_installed_and_the_next_install_succeeds(world: World):
    world.plan(hang=True)
    with trio.fail_after(LIMIT), command(world) as process:
        pids = await world.hanging()
        process.kill()
        process.wait()
        assert world.store().find() is None
        assert len(world.trees()) == 1
        assert all(alive(pid) for pid in pids), "npm outlives who started it: that is what makes this a test"
        world.plan()
        installed = await world.install()
    assert said(installed) == VERSION
    assert len(world.trees()) == 1
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_install_with_all_that_belongs_to_it(world: World, number: signal.Signals):
    world.plan(hang=True)
    with trio.fail_after(LIMIT), command(world) as process:
        pids = await world.hanging()
        process.send_signal(number)
        assert await trio.to_thread.run_sync(process.wait) == 128 + number
    assert not any(alive(pid) for pid in pids)
    assert world.trees() == []


async def test_an_install_on_a_copy_of_the_data_directory_leaves_the_originals_alone(world: World, tmp_path: Path):
    world.plan(hang=True)
    with trio.fail_after(LIMIT), command(world):
        pids = await world.hanging()
        world.data = Path(shutil.copytree(world.data, tmp_path / "copy"))
        world.plan()
        assert said(await world.install()) == VERSION
        assert len(world.trees()) == 1, "the copied half of a tree is nobody's"
        assert all(alive(pid) for pid in pids)
        for pid in pids:  # nobody else ends them: the next install of the original would
            os.kill(pid, signal.SIGKILL)


async def test_two_processes_install_once(world: World):
    world.plan(hang=True)
    with trio.fail_after(LIMIT), command(world) as one, command(world) as other:
        await world.hanging()
        world.go()
        assert await trio.to_thread.run_sync(one.wait) == 0
        assert await trio.to_thread.run_sync(other.wait) == 0
    assert len(world.calls()) == 1
    assert len(world.trees()) == 1


async def test_a_process_that_waits_for_anothers_install_can_be_stopped(world: World):
    world.plan(hang=True)
    with trio.fail_after(LIMIT), command(world):
        await world.hanging()
        with command(world) as waiting:
            while not _holds(waiting.pid, world.store().lock):
                await trio.sleep(POLL)
            waiting.terminate()
            assert await trio.to_thread.run_sync(waiting.wait) == 128 + signal.SIGTERM
        world.go()
        found = None
        while found is None:
            await trio.sleep(POLL)
            found = world.store().find()
    assert said(found) == VERSION


def _holds(pid: int, path: Path) -> bool:
    fds = Path(f"/proc/{pid}/fd")
    try:
        return any(fd.resolve() == path for fd in fds.iterdir())
    except OSError:
        return False


async def test_what_a_kill_between_two_steps_leaves_is_cleared_away(world: World):
    store = world.store()
    half = store.begin("half")
    (half / "install.json").write_text("{")
    (store.root / ".link").symlink_to(Path("trees", "half"))
    with trio.fail_after(LIMIT):
        installed = await world.install()
    assert said(installed) == VERSION
    assert "half" not in world.trees()
    assert len(world.trees()) == 1


async def test_a_version_that_lost_its_tree_is_installed_anew(world: World):
    with trio.fail_after(LIMIT):
        installed = await world.install()
        installed.program.unlink()
        assert world.store().find(VERSION) is None
        assert said(await world.install()) == VERSION
    assert len(world.calls()) == 2
    assert len(world.trees()) == 1
