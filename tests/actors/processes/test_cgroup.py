"""Cgroups, as the kernel of this machine has them. Where it gives us none, the daemon must find that out."""

import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.machine.process_rows import read_process
from sandbox_agent.actors.processes.agent_process import AgentProcess
from sandbox_agent.actors.processes.cgroup import Cgroup
from sandbox_agent.actors.processes.cgroup_root import CgroupRoot, find_left, find_own, mounted, name_of
from sandbox_agent.actors.processes.ending import end_process
from sandbox_agent.actors.processes.limits import Hit, Limits
from sandbox_agent.actors.processes.orphans import end_orphans
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

SETTINGS = Settings(end_eof=0.2, end_interrupt=0.2, end_terminate=0.5, end_kill=2.0)
NO_LIMITS = Limits.of(SETTINGS)

ESCAPES = """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", f"trap '' TERM INT HUP; echo $$ > {sys.argv[1]}; sleep 600"], {})
    os._exit(0)
os.wait()
os._exit(0)
"""
"""It clears its environment, and its parents die before anybody has looked: no other sign than the cgroup is left."""


@pytest.mark.parametrize(
    ("mountinfo", "membership", "found"),
    [
        (
            "35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
            "0::/user.slice/a.scope",
            "/sys/fs/cgroup/user.slice/a.scope",
        ),
        ("35 24 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup rw", "0::/", "/sys/fs/cgroup"),
        ("35 24 0:30 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup ro", "0::/docker/1/x", "/sys/fs/cgroup/x"),
        ("35 24 0:30 / /mnt/a\\040b rw - cgroup2 cgroup2 rw", "9:pids:/x\n0::/", "/mnt/a b"),
        # Outside of our namespace, not mounted here, mounted elsewhere only, and version 1 alone.
        ("35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "0::/../other", None),
        ("35 24 0:30 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "0::/docker/2", None),
        ("35 24 0:30 / /tmp rw - tmpfs tmpfs rw", "0::/", None),
        ("35 24 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids", "8:pids:/", None),
    ],
)
def test_our_own_cgroup_is_found_where_it_is_mounted(mountinfo: str, membership: str, found: str | None):
    assert mounted(mountinfo, membership) == (None if found is None else Path(found))


def test_where_groups_cannot_be_made_there_is_no_home(tmp_path: Path):
    assert CgroupRoot.open(tmp_path / "nowhere", "journal-a", NO_LIMITS) is None
    assert CgroupRoot.open(tmp_path, "journal-a", NO_LIMITS) is None, "a directory that is no cgroup was taken for one"
    assert list(tmp_path.iterdir()) == []


def home_of(owner: str) -> CgroupRoot | None:
    own = find_own()
    home = None if own is None else CgroupRoot.open(own, owner, NO_LIMITS)
    # Whether the system lets us is not for us to say, but it must be one or the other.
    assert (home is not None) == (own is not None and os.access(own, os.W_OK))
    return home


async def read_pid(path: Path) -> int:
    while not path.exists() or not path.read_text().endswith("\n"):
        await trio.sleep(0.01)
    return int(path.read_text())


def alive(pid: int) -> bool:
    row = read_process(pid)
    return row is not None and not row.zombie


async def test_one_that_clears_its_environment_and_forks_twice_is_ended_with_its_agent(tmp_path: Path):
    home = home_of(f"test-{uuid.uuid4()}")
    if home is None:
        return
    table = ProcessTable()
    group = home.make("agent", NO_LIMITS)
    assert group is not None
    escape = ["python3", "-IS", "-c", ESCAPES, str(tmp_path / "pid")]
    program = ["/bin/sh", "-c", '"$@"; sleep 600', "sh", *escape]
    with trio.fail_after(PATIENCE):
        environment = {"PATH": os.environ["PATH"]}
        process = await AgentProcess.spawn(program, environment, "/", table.marker(), table, SETTINGS, group)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.watch)
            escaped = await read_pid(tmp_path / "pid")
            await end_process(process, SETTINGS)
            await process.wait()
            await process.aclose()
        assert not alive(escaped)
    assert not group.path.exists()
    home.remove()
    assert not home.path.exists()


async def test_the_next_daemon_finds_it_too_and_removes_the_group(tmp_path: Path):
    owner = f"test-{uuid.uuid4()}"
    home = home_of(owner)
    if home is None:
        return
    group = home.make("agent", NO_LIMITS)
    assert group is not None
    # Nothing else marks it: only that it was born in the group.
    enter = 'echo 0 > "$1"; shift; exec "$@"'
    escape = ["python3", "-IS", "-c", ESCAPES, str(tmp_path / "pid")]
    subprocess.run(["sh", "-c", enter, "sh", group.door, *escape], check=True, timeout=PATIENCE, start_new_session=True)
    with trio.fail_after(PATIENCE):
        escaped = await read_pid(tmp_path / "pid")
        assert alive(escaped)
        own = find_own()
        assert own is not None
        assert find_left(own, owner) == [], "its daemon lives: it may be one on a copy of the journal"
        home.claim.release()  # as the kernel does when it is killed
        (left,) = find_left(own, owner)
        assert left.path == home.path
        assert find_left(own, owner) == [], "two that start at once do not both take it"
        await end_orphans(owner, ProcessTable(), SETTINGS, [left.group])
        assert not alive(escaped)
    left.remove()
    assert not home.path.exists()


def test_two_daemons_of_one_journal_have_two_homes_and_an_older_versions_is_found_too():
    owner = f"test-{uuid.uuid4()}"
    first, second = home_of(owner), home_of(owner)
    own = find_own()
    if first is None or second is None or own is None:
        return
    assert first.path != second.path
    older = own / name_of(owner)
    older.mkdir()
    (left,) = find_left(own, owner)
    assert left.path == older
    left.remove()
    assert not older.exists()
    first.remove()
    assert not first.path.exists()
    assert second.path.exists()
    second.remove()


def test_a_group_tells_its_cpu_time_and_kills_all_at_once():
    home = home_of(f"test-{uuid.uuid4()}")
    if home is None:
        return
    group = home.make("agent", NO_LIMITS)
    assert group is not None
    command = f"echo 0 > {group.door}; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 600"
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    assert group.members() == {process.pid}
    assert (group.cpu() or 0) > 0
    assert not group.remove()
    group.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL
    process.stdout.close()
    assert group.remove()
    assert group.members() == set()
    home.remove()


def test_limits_are_written_as_the_kernel_reads_them_and_hits_are_read(tmp_path: Path):
    """A stand-in for the group's files: controllers are seldom handed down where tests run."""
    group = Cgroup(tmp_path, {"memory", "pids"})
    limits = Limits(1 << 30, 100, 0)
    group.impose(limits)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {
        "memory.max": "1073741824",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "100",
    }
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 0\noom_kill 0\noom_group_kill 0\n")
    (tmp_path / "pids.events").write_text("max 0\n")
    assert group.hit(limits) is None
    (tmp_path / "pids.events").write_text("max 3\n")
    assert group.hit(limits) == Hit("process", 100, 100)
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 1\n")
    (tmp_path / "memory.peak").write_text("1073741824\n")
    assert group.hit(limits) == Hit("memory", 1 << 30, 1 << 30)
    assert Cgroup(tmp_path).hit(limits) is None
