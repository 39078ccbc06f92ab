"""What an agent may use: a limit that is hit is told, the turn is closed, and the session goes on."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.machine.process_rows import NOBODY
from sandbox_agent.actors.processes.limit_monitor import LimitMonitor
from sandbox_agent.actors.processes.limits import Hit, Limits
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.actors.processes.tree import ProcessTree
from sandbox_agent.schema.settings import Settings

from ..house import Event, House, events_of, house, said

WATCHED = {"limit_interval": 0.05, "end_terminate": 1.0}
MEGABYTE = 1 << 20


def python(code: str) -> str:
    return f"run {shlex.quote(sys.executable)} -IS -c {shlex.quote(code)}"


async def run_into(h: House, log: EventLog, command: str) -> tuple[Event, list[str]]:
    """Let the mock agent run a command that uses too much; returns the error and what followed."""
    await h.send(command)
    asked = await h.until_type(log, "permission.requested")
    await h.daemon.reply_permission("s", asked["data"]["permission_id"], "once")
    error = await h.until_type(log, "error")
    await h.until_type(log, "turn.ended")
    events = events_of(log)
    return error["data"], [said(event) for event in events[error["sequence"] :]]


@pytest.mark.parametrize(
    ("setting", "limit", "command"),
    [
        ("agent_memory_bytes", 256 * MEGABYTE, python("import time; x = bytearray(400 << 20); time.sleep(600)")),
        ("agent_processes", 12, "run for n in 1 2 3 4 5 6 7 8 9 10 11 12; do setsid sleep 600 & done; wait"),
        ("agent_cpu_seconds", 0.3, "run while :; do :; done"),
    ],
)
async def test_an_agent_over_its_limit_is_ended_and_told(setting: str, limit: float, command: str):
    async with house(**{setting: limit}, **WATCHED) as h:
        log = await h.create()
        error, after = await run_into(h, log, command)
        assert (
            error["code"]
            == {"memory": "memory_limit", "processes": "process_limit", "cpu": "cpu_limit"}[setting.split("_")[1]]
        )
        assert error["details"]["limit"] == limit
        assert error["details"]["measured"] > limit
        assert "are allowed" in error["message"]
        assert after[-1] == "turn.ended failed"
        assert h.agents_alive() == []
        # The next prompt starts the agent again.
        assert said((await h.turn(log, "echo hello"))[-1]) == "turn.ended completed"


async def test_an_agent_within_its_limits_does_not_notice_them():
    limits: dict[str, Any] = {"agent_memory_bytes": 1 << 30, "agent_processes": 500, "agent_cpu_seconds": 60.0}
    async with house(**limits, **WATCHED) as h:
        log = await h.create()
        await h.turn(log, "spawn")
        await h.turn(log, "burst 200 100")
        assert not [event for event in events_of(log) if event["type"] == "error"]


async def test_cpu_time_counts_from_the_turn_on():
    table = ProcessTable()
    me = next(row.id for row in await table.rows() if row.id.pid == os.getpid())
    watch = LimitMonitor(ProcessTree(me, table.marker(), table), Limits(0, 0, 1e-9))
    hit = await watch.look()
    assert hit is not None
    assert hit.measured > 0
    watch.follow("turn_1")
    assert repr(watch) == "<LimitMonitor cpu=1e-09 cpu=0.0>"
    again = await watch.look()
    assert again is None or again.measured < hit.measured


async def test_shared_pages_count_once():
    """A forked worker shares nearly all with its parent: twice the resident size is not twice the memory."""
    table = ProcessTable()
    me = next(row for row in await table.rows() if row.id.pid == os.getpid())
    watch = LimitMonitor(ProcessTree(me.id, table.marker(), table), Limits(me.resident // 2, 0, 0))
    hit = await watch.look()
    assert hit is not None
    assert me.resident // 2 < hit.measured <= me.resident * 1.1


async def test_without_limits_nothing_is_measured():
    table = ProcessTable()
    watch = LimitMonitor(ProcessTree(NOBODY, table.marker(), table), Limits.of(Settings()))
    assert not watch
    assert await watch.look() is None
    assert repr(table).endswith("reads=0 children=0>")


def test_a_hit_says_what_was_measured_and_what_is_allowed():
    assert str(Hit("memory", 100, 200)) == "the agent and its descendants used 200 bytes of memory; 100 are allowed"
    assert (
        str(Hit("cpu", 1.5, 2))
        == "the agent and its descendants used 2.0 seconds of CPU time in one turn; 1.5 are allowed"
    )


async def test_the_oom_killer_takes_an_agent_and_its_descendants_before_the_daemon():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "spawn")
        own = int(Path("/proc/self/oom_score_adj").read_text())
        agents = h.agents_alive()
        assert len(agents) >= 5
        scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in agents]
        assert scores == [min(own + h.daemon.settings.agent_oom_adjust, 1000)] * len(agents)


async def test_an_agent_leaves_no_core_file_unless_it_asks_for_one():
    async with house() as h:
        await h.create()
        (agent,) = h.agents_alive()
        limits = Path(f"/proc/{agent}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4] == "0"
