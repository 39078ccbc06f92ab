"""Work in the background is part of a session's state: it is not idle, and what such work brings has a turn."""

import os
import signal

import pytest
import trio

from sandbox_agent.actors.agents.watchdogs import Watchdogs

from ...proof.rules.history import Event
from ..agents.test_watchdogs import LIMITS
from ..house import House, events_of, house, said
from .test_crashes import crash, session_mailbox
from .test_supervision import statuses

FOREVER = "background 86400"


async def turns(h: House, log: object) -> list[str]:
    return [said(event) for event in events_of(log) if event["type"].startswith("turn.")]  # type: ignore[arg-type]


def words(events: list[Event]) -> list[str]:
    items = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
    return [item["content"][0]["text"] for item in items if item["kind"] == "message" and item["role"] != "user"]


async def test_a_session_that_works_in_the_background_is_not_idle_and_says_what_goes_on():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "background 0.3")
        # What it says of it comes in a turn of the agent's own.
        started = await h.until_type(log, "turn.started", 2)
        assert started["data"]["metadata"] == {"origin": "agent"}
        info = await h.daemon.session_info("s")
        assert info.status == "running"
        assert info.background is not None
        assert [(task.kind, task.description) for task in info.background] == [("sleep", "left by mock_1")]
        await h.until_type(log, "turn.ended", 2)
        await h.until_status("idle")
        assert (await h.daemon.session_info("s")).background is None
        events = events_of(log)
        assert statuses(events) == ["background.started", "background.ended"]
        assert words(events) == ["I go on in the background", "the background is done"]
        assert [said(event) for event in events if event["type"].startswith("turn.")] == [
            "turn.started", "turn.ended completed", "turn.started", "turn.ended completed",
        ]  # fmt: skip


async def test_it_is_not_suspended_before_that_is_over():
    async with house(suspend_after=0.05) as h:
        log = await h.create()
        await h.turn(log, "background 0.5")
        await h.until_status("suspended")
        assert statuses(events_of(log)) == ["background.started", "background.ended", "agent.suspended"]


async def test_the_clock_of_suspension_begins_when_nothing_goes_on_any_more(autojump_clock: trio.testing.MockClock):
    watchdogs = Watchdogs(LIMITS)  # pyright: ignore[reportArgumentType]
    watchdogs.follow(ready=True, turn=None, asking=False)
    await trio.sleep(900)
    watchdogs.follow(ready=True, turn=None, asking=False, working=True)
    await trio.sleep(10_000_000)
    assert watchdogs.take_due() is None
    watchdogs.follow(ready=True, turn=None, asking=False)
    await trio.sleep(999)
    assert watchdogs.take_due() is None
    await trio.sleep(2)
    assert watchdogs.take_due() == "suspend"


async def test_a_prompt_does_not_wait_for_work_in_the_background():
    async with house() as h:
        log = await h.create()
        await h.turn(log, FOREVER)
        await h.until_type(log, "turn.started", 2)
        turn = await h.turn(log, "echo meanwhile")
        assert words(turn) == ["meanwhile"]
        assert turn[0]["data"].get("metadata") is None
        info = await h.daemon.session_info("s")
        assert (info.status, bool(info.background)) == ("running", True)


async def test_an_ask_of_work_in_the_background_has_a_turn_and_is_answered_during_another_one():
    async with house(suspend_after=0.05) as h:
        log = await h.create()
        await h.turn(log, "background ask")
        asked = await h.until_type(log, "permission.requested")
        assert await turns(h, log) == ["turn.started", "turn.ended completed", "turn.started"]
        await h.until_status("waiting")
        await h.turn(log, "echo meanwhile")
        assert (await h.daemon.session_info("s")).status == "waiting"
        await h.daemon.reply_permission("s", asked["data"]["permission_id"], "once")
        await h.until_status("suspended")
        assert words(events_of(log))[-1] == "the background is done"


@pytest.mark.parametrize("prompt", [FOREVER, "background ask"])
async def test_an_interrupt_ends_it(prompt: str):
    async with house() as h:
        log = await h.create()
        await h.turn(log, prompt)
        await h.until_type(log, "turn.started", 2)
        found = await h.daemon.interrupt("s")
        assert (found.found, found.turn_id) == ("running", "turn_2")
        await h.until_status("idle")
        assert statuses(events_of(log)) == ["background.started", "background.ended"]


async def test_an_interrupt_between_turns_finds_it():
    async with house() as h:
        log = await h.create()
        await h.turn(log, FOREVER)
        await h.until_type(log, "turn.started", 2)
        await h.turn(log, "echo meanwhile")
        found = await h.daemon.interrupt("s")
        assert (found.interrupted, found.found, found.turn_id) == (True, "background", None)
        await h.until_status("idle")
        assert (await h.daemon.interrupt("s")).found == "idle"


async def test_it_is_over_when_the_process_is():
    async with house() as h:
        log = await h.create()
        await h.turn(log, FOREVER)
        await h.until_type(log, "turn.started", 2)
        (pid,) = h.agents_alive()
        os.kill(pid, signal.SIGKILL)
        assert said(await h.until_type(log, "turn.ended", 2)) == "turn.ended failed"
        assert statuses(events_of(log)) == ["background.started", "background.ended"]
        await h.until_status("suspended")
        assert (await h.daemon.session_info("s")).background is None


async def test_terminate_tells_its_end_before_the_sessions():
    async with house() as h:
        log = await h.create()
        await h.turn(log, FOREVER)
        await h.until_type(log, "turn.started", 2)
        await h.daemon.terminate("s")
        assert statuses(events_of(log)) == ["background.started", "background.ended"]
        assert events_of(log)[-1]["type"] == "session.ended"


async def test_a_session_that_starts_again_tells_that_it_is_over():
    """The process went with the former life, and that could write nothing any more."""
    async with house() as h:
        log = await h.create()
        await h.turn(log, FOREVER)
        await h.until_type(log, "turn.started", 2)
        await crash(await session_mailbox(h))
        await h.until_type(log, "turn.ended", 2)
        await h.turn(log, "echo again")
        assert statuses(events_of(log))[:2] == ["background.started", "background.ended"]
