"""A stop has a hard end: whatever the event loop does or waits for, the daemon goes, and every descendant with it."""

import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from unittest.mock import patch

import httpx
import pytest

from sandbox_agent.actors.machine.owner import ProcessId
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.cli.server import hard_end

from ..commands import TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import RunningDaemon, daemon

TOKEN = "a-token-of-the-test"

SHIELDED = """
async def stop(daemon):
    import trio
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()
"""
BLOCKED = """
async def stop(daemon):
    import threading
    threading.Event().wait()
"""
BUSY = """
async def stop(daemon):
    while True:
        pass
"""
WITHOUT_THE_GIL = """
from sandbox_agent.cli.server import hard_end
hard_end.STARVED = 1.0
async def stop(daemon):
    import re
    re.match("(a+)+$", "a" * 60 + "b")
"""
LADDER_STUCK = """
stop = Daemon.stop
from sandbox_agent.actors.agents import link
async def end_process(*arguments, **options):
    import trio
    await trio.sleep_forever()
link.end_process = end_process
"""
RAISING = """
stop = Daemon.stop
from sandbox_agent.actors.agents import link
async def end_process(*arguments, **options):
    raise RuntimeError("a bug in the ladder")
link.end_process = end_process
"""

LAUNCHER = """
import sys
from sandbox_agent.actors.daemon import Daemon
{trouble}
Daemon.stop = stop
from sandbox_agent.cli.main import main
main(sys.argv[1:])
"""


@contextmanager
def a_daemon(commands: Commands, trouble: str, *options: str) -> Generator[tuple[RunningDaemon, list[int]]]:
    """With an agent that has left processes behind in four ways; their pids with its own."""
    program = (sys.executable, "-c", LAUNCHER.format(trouble=trouble))
    with daemon(commands, *options, env={"SANDBOX_AGENT_TOKEN": TOKEN}, program=program) as running:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
            client.post("/v1/sessions/s", json={"agent": "mock"}).raise_for_status()
            client.post("/v1/sessions/s/messages/stream", json={"message": "spawn"}).raise_for_status()
        pids = descendants(running.process.pid)
        assert len(pids) == 5
        yield running, pids


@pytest.mark.parametrize(
    "trouble", [SHIELDED, BLOCKED, BUSY, LADDER_STUCK], ids=["shielded", "blocked", "busy", "ladder stuck"]
)
def test_a_stop_that_hangs_is_ended_with_every_descendant(commands: Commands, trouble: str) -> None:
    with a_daemon(commands, trouble, "--shutdown-timeout", "0.5") as (running, pids):
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 128 + signal.SIGTERM
        assert alive(pids) == []
    assert "the stop took too long" in running.stderr


def test_a_stop_that_never_lets_go_of_the_gil_is_ended_by_the_kernel_and_the_next_start_leaves_nobody(
    commands: Commands,
) -> None:
    with a_daemon(commands, WITHOUT_THE_GIL, "--shutdown-timeout", "0.5") as (running, pids):
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == -signal.SIGPROF
    with daemon(commands, env={"SANDBOX_AGENT_TOKEN": TOKEN}):
        assert alive(pids) == []


@pytest.mark.parametrize(
    "trouble", [LADDER_STUCK, BLOCKED, WITHOUT_THE_GIL], ids=["ladder stuck", "blocked", "without the GIL"]
)
def test_a_second_signal_ends_a_stop_that_hangs_at_once(commands: Commands, trouble: str) -> None:
    with a_daemon(commands, trouble, "--shutdown-timeout", "600") as (running, pids):
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # whatever it is doing by now: the loop of some of them tells nobody any more
        running.process.send_signal(signal.SIGINT)
        assert running.wait_ended() == 128 + signal.SIGINT
        assert alive(pids) == []


def test_signals_that_come_when_the_time_is_up_do_not_meet_their_default(commands: Commands) -> None:
    """The shield holds the sessions; the receiver of the signals was cancelled, and with it their handlers went."""
    with a_daemon(commands, LADDER_STUCK, "--shutdown-timeout", "0") as (running, pids):
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 128 + signal.SIGTERM
        assert alive(pids) == []


def test_an_error_in_the_ladder_is_a_clean_stop_that_leaves_nobody(commands: Commands) -> None:
    with a_daemon(commands, RAISING, "--shutdown-timeout", "60") as (running, pids):
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert alive(pids) == []
    assert "a bug in the ladder" in running.stderr


def told(looks: list[set[ProcessId]]) -> list[tuple[str, set[int]]]:
    """What is sent to whom, when each look shows the next of these. The last one is shown for ever."""
    sent: list[tuple[str, set[int]]] = []

    def look() -> set[ProcessId]:
        return looks.pop(0) if len(looks) > 1 else looks[0]

    def send(targets: set[ProcessId], number: signal.Signals) -> None:
        sent.append((number.name, {target.pid for target in targets}))

    with (
        patch.object(hard_end, "_descendants", look),
        patch.object(hard_end, "signal_all", send),
        patch.object(hard_end, "PAUSE", 0.0),
    ):
        hard_end.kill_descendants(ProcessTable())
    return sent


def test_those_who_refill_each_others_places_are_stopped_before_they_are_killed():
    a, b = ProcessId(1 << 22, 1), ProcessId((1 << 22) + 1, 1)
    assert told([{a}, {a, b}, {a, b}, set()]) == [
        ("SIGSTOP", {a.pid}),
        ("SIGSTOP", {b.pid}),
        ("SIGKILL", {a.pid, b.pid}),
        ("SIGKILL", {a.pid, b.pid}),  # also whom no look shows any more
    ]


def test_the_last_look_at_ever_new_processes_ends_in_kills():
    looks = [{ProcessId((1 << 22) + number, 1)} for number in range(hard_end.ROUNDS + 1)]
    sent = told(looks)
    assert [name for name, _ in sent[: hard_end.FREEZES]] == ["SIGSTOP"] * hard_end.FREEZES
    assert {name for name, _ in sent[hard_end.FREEZES :]} == {"SIGKILL"}
    assert sent[-1] == ("SIGKILL", set.union(*(pids for name, pids in sent if name == "SIGSTOP")))


def test_looks_that_take_long_do_not_keep_the_daemon():
    with patch.object(hard_end, "MOST_SECONDS", 0.0):
        sent = told([{ProcessId(1 << 22, 1)}])
    assert [name for name, _ in sent] == ["SIGSTOP", "SIGKILL", "SIGKILL"]
