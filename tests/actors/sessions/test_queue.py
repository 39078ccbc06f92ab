"""The queue and the interrupt: what waits is seen and can be taken out, and an interrupt says what it stopped."""

from contextlib import asynccontextmanager

import pytest

from sandbox_agent.actors.sessions.messages import Execute
from sandbox_agent.schema.api.commands import InterruptCommand, MessageCommand
from sandbox_agent.schema.problems import Problem

from ..house import House, events_of, house, said
from .test_crashes import crash, session_mailbox


async def waiting(h: House) -> list[str]:
    return [queued.turn_id for queued in (await h.daemon.queue("s")).queued]


async def not_queued(h: House, turn_id: str) -> str:
    with pytest.raises(Problem) as refused:
        await h.daemon.cancel_prompt("s", turn_id)
    assert (refused.value.status, refused.value.kind) == (404, "prompt_not_queued")
    return refused.value.detail


def turns(log) -> list[tuple[str, str]]:
    """Every turn with its end, in the order of the log."""
    return [(e["data"]["turn_id"], said(e)[11:]) for e in events_of(log) if e["type"] == "turn.ended"]


@asynccontextmanager
async def resting():
    """A session whose agent has died so often that it may not start for a while: what is sent to it waits."""
    async with house(restart_backoff=30.0, restart_backoff_max=30.0, agent_restarts=5) as h:
        log = await h.create()
        for _ in range(2):
            await h.turn(log, "crash 7")
        yield h, log


async def test_what_waits_is_listed_in_order_and_cut():
    async with house(queue_text_chars=6) as h:
        await h.create()
        await h.send("hang")
        await h.until_status("running")
        for text in ("echo 1", "echo 22"):
            await h.send(text)
        listed = (await h.daemon.queue("s")).queued
        assert [(q.turn_id, q.position, q.message, q.truncated) for q in listed] == [
            ("turn_2", 1, "echo 1", False),
            ("turn_3", 2, "echo 2", True),
        ]
        assert all(q.queued_at > 1_600_000_000_000 for q in listed)
        assert (await h.daemon.session_info("s")).queued == 2


async def test_a_cancelled_prompt_does_not_run_and_its_turn_follows_the_running_one():
    async with house() as h:
        log = await h.create()
        await h.send("hang")
        await h.until_status("running")
        for text in ("echo 2", "echo 3", "echo 4"):
            await h.send(text)
        await h.daemon.cancel_prompt("s", "turn_3")
        assert await waiting(h) == ["turn_2", "turn_4"]
        assert (await h.daemon.session_info("s")).queued == 2
        assert "cancelled already" in await not_queued(h, "turn_3")
        assert [e["data"]["turn_id"] for e in events_of(log) if e["type"] == "turn.started"] == ["turn_1"]
        await h.daemon.interrupt("s")
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == "turn_4")
        assert turns(log) == [
            ("turn_1", "interrupted"),
            ("turn_3", "interrupted"),
            ("turn_2", "completed"),
            ("turn_4", "completed"),
        ]
        told = [
            e["data"]["item"]["content"][0]["text"]
            for e in events_of(log)
            if said(e).startswith("item.completed message user")
        ]
        assert told == ["hang", "echo 3", "echo 2", "echo 4"]
        assert "has ended" in await not_queued(h, "turn_3")


async def test_a_prompt_whose_agent_may_not_start_yet_is_cancelled_at_once():
    async with resting() as (h, log):
        assert await h.send("echo never") == "turn_3"
        assert await h.send("echo neither") == "turn_4"
        await h.daemon.cancel_prompt("s", "turn_4")
        assert turns(log)[-1] == ("turn_4", "interrupted")
        assert await waiting(h) == ["turn_3"]


async def test_what_is_not_queued_says_why():
    async with house() as h:
        await h.create()
        await h.send("hang")
        await h.until_status("running")
        assert "interrupt it" in await not_queued(h, "turn_1")
        for turn_id in ("turn_2", "turn_0", "turn_-1", "turn_", "turn", "2", "\u0661", "turn_" + "9" * 250):
            assert "no such turn" in await not_queued(h, turn_id)
        await h.daemon.terminate("s")
        assert "session has ended" in await not_queued(h, "turn_1")
        assert await waiting(h) == []


async def test_the_queue_has_room_again_when_a_prompt_was_cancelled_but_not_without_end():
    async with house(max_queued_prompts=2) as h:
        await h.create()
        await h.send("hang")
        await h.until_status("running")
        for _ in range(2):
            await h.send("echo never")
        for _ in range(2):
            with pytest.raises(Problem, match="queued prompts"):
                await h.send("echo too much")
            await h.daemon.cancel_prompt("s", (await waiting(h))[0])
            await h.send("echo instead")
        await h.daemon.cancel_prompt("s", (await waiting(h))[0])
        with pytest.raises(Problem, match="queued prompts"):  # four wait for the turn, to run or to be closed
            await h.send("echo too much")


async def test_a_cancelled_prompt_stays_cancelled_when_its_session_crashes():
    async with house() as h:
        log = await h.create()
        await h.send("hang")
        await h.until_status("running")
        await h.send("echo never")
        last = await h.send("echo last")
        await h.daemon.cancel_prompt("s", "turn_2")
        await crash(await session_mailbox(h))
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == last)
        assert turns(log) == [("turn_1", "failed"), ("turn_2", "interrupted"), ("turn_3", "completed")]
        await crash(await session_mailbox(h))
        assert said((await h.turn(log, "echo on"))[-1]) == "turn.ended completed"
        assert len(turns(log)) == 4


async def test_a_session_that_ends_closes_each_prompt_once_cancelled_or_not():
    async with house() as h:
        log = await h.create()
        await h.send("hang")
        await h.until_status("running")
        for _ in range(2):
            await h.send("echo never")
        await h.daemon.cancel_prompt("s", "turn_2")
        await h.daemon.terminate("s")
        assert turns(log) == [(f"turn_{n}", "interrupted") for n in (1, 2, 3)]


async def test_an_interrupt_says_what_it_found():
    async with house() as h:
        log = await h.create()
        await h.until_status("idle")
        nothing = await h.daemon.interrupt("s")
        assert (nothing.interrupted, nothing.found, nothing.turn_id, nothing.queued) == (False, "idle", None, 0)
        await h.send("hang hard")
        await h.send("echo next")
        await h.until_type(log, "item.delta")  # deaf from now on
        for found in ("running", "stopping", "stopping"):
            done = await h.daemon.interrupt("s")
            assert (done.interrupted, done.found, done.turn_id, done.queued) == (True, found, "turn_1", 1)


async def test_an_interrupt_stops_the_prompt_whose_agent_is_still_to_start():
    async with resting() as (h, log):
        for text in ("echo never", "echo waits"):
            await h.send(text)
        done = await h.daemon.interrupt("s")
        assert (done.interrupted, done.found, done.turn_id, done.queued) == (True, "starting", "turn_3", 1)
        assert turns(log)[-1] == ("turn_3", "interrupted")


@pytest.mark.parametrize("ready", [True, False])
async def test_an_interrupt_right_behind_a_prompt_stops_that_prompt_and_no_later_one(ready):
    async with house() as h:
        log = await h.create()
        if ready:
            await h.until_status("idle")
        mailbox = await session_mailbox(h)
        for command in (MessageCommand("hang"), InterruptCommand(), MessageCommand("echo on")):
            await mailbox.tell(Execute(command))
        await h.until_type(log, "turn.ended", 2)
        assert turns(log) == [("turn_1", "interrupted"), ("turn_2", "completed")]
