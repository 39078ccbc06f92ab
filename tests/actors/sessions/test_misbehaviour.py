"""Agents on their bad days, one after the other: each is borne as promised, and the session beside it does not notice.

What must hold of every log, whatever happened, is checked by the house when it closes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.schema.timeouts import SessionTimeouts

from ..house import House, events_of, house, said
from ..house import tail as tail_of

TIMEOUTS = {"idle_timeout": 2.5, "mute_timeout": 0.3}


@asynccontextmanager
async def beside_another(**settings: Any) -> AsyncIterator[tuple[House, EventLog]]:
    """A session for the trouble, and one that must go on in mid-turn and after it."""
    async with house(**settings) as h:
        other = await h.create("other", timeouts=SessionTimeouts(idle_seconds=0))
        await h.send("permission", "other")
        await h.until_type(other, "permission.requested", 2)
        yield h, await h.create()
        for ask in (await h.daemon.pending_permissions()).permissions:
            await h.daemon.reply_permission("other", ask.permission.permission_id, "once")
        assert said(await h.until_type(other, "turn.ended")) == "turn.ended completed"
        assert said((await h.turn(other, "echo fine", "other"))[-1]) == "turn.ended completed"
        assert "error" not in {e["type"] for e in events_of(other)}
        assert (await h.daemon.session_info("other")).agent_restarts == 0


@pytest.mark.parametrize(
    ("prompt", "told", "tail"),
    [
        ("crash 3", "process_exit", "mock: about to crash"),
        ("crash KILL", "process_exit", "mock: about to crash"),
        ("crash 0", "process_exit", "mock: about to crash"),
        ("hang", "idle_timeout", None),
        ("hang hard", "idle_timeout", None),
        ("mute", "process_exit", "mock: mute from now on"),
    ],
    ids=["dies", "is killed", "exits 0 in mid-turn", "is silent", "is deaf to signals", "closes stdout and lives on"],
)
async def test_a_turn_that_its_agent_deserts_is_closed_and_the_next_one_runs(prompt: str, told: str, tail: str | None):
    async with beside_another(**TIMEOUTS) as (h, log):
        events = await h.turn(log, prompt)
        error = next(e["data"] for e in events if e["type"] == "error")
        assert error["code"] == told
        assert error["details"].get("stderr") == tail
        # The message that was open is closed, with what it had said.
        assert said(events[-2]) == "item.completed message assistant failed"
        assert said(events[-1]) == "turn.ended failed"
        again = await h.turn(log, "recall")
        assert said(again[-1]) == "turn.ended completed"
        assert "prompts in this conversation: 2" in [e["data"].get("delta") for e in again]
        assert len(h.agents_alive()) == 2


async def test_an_agent_that_reads_no_more_is_found_out_by_its_silence():
    async with beside_another(**TIMEOUTS) as (h, log):
        assert said((await h.turn(log, "deaf"))[-1]) == "turn.ended completed"
        events = await h.turn(log, "echo is anybody there")
        assert [e["data"]["code"] for e in events if e["type"] == "error"] == ["idle_timeout"]
        assert said(events[-1]) == "turn.ended failed"
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_an_agent_that_reads_no_more_cannot_make_the_daemon_hold_what_it_is_told():
    async with beside_another(max_outbox_bytes=100_000) as (h, log):
        assert said((await h.turn(log, "deaf"))[-1]) == "turn.ended completed"
        events = await h.turn(log, "echo " + "x" * 200_000)
        assert [e["data"]["code"] for e in events if e["type"] == "error"] == ["agent_deaf"]
        assert said(events[-1]) == "turn.ended failed"
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_a_flood_of_lines_is_kept_whole_and_in_order():
    async with beside_another() as (h, log):
        await h.send("burst 100000 20")
        await h.until_status("idle")
        deltas = [msgspec.json.decode(e.plain)["data"]["delta"] for e in tail_of(log) if e.type == "item.delta"]
        assert deltas == [f"{number} ".ljust(20, ".") for number in range(100_000)]
        assert said((await h.turn(log, "echo after"))[-1]) == "turn.ended completed"


async def test_a_flood_on_the_terminal_costs_its_bounded_tail():
    async with beside_another(terminal_tail_bytes=4096) as (h, log):
        assert said((await h.turn(log, "stderr 200000"))[-1]) == "turn.ended completed"
        events = await h.turn(log, "crash")
        stderr = next(e["data"]["details"]["stderr"] for e in events if e["type"] == "error")
        assert len(stderr) <= 4096
        assert stderr.endswith("mock: line 200000 on the terminal\nmock: about to crash")


async def test_garbage_half_lines_nuls_and_a_huge_line_are_kept_as_what_they_are():
    async with beside_another(max_line_bytes=1 << 20) as (h, log):
        events = await h.turn(log, "garbage")
        assert [said(e) for e in events].count("agent.unparsed") == 4
        assert "item.delta whole again" in [said(e) for e in events]
        assert said(events[-1]) == "turn.ended completed"
        assert len(h.agents_alive()) == 2
