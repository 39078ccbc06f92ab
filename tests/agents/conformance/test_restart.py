"""The story's last word: the daemon dies, and the next one goes on. Each test is played by every agent."""

from typing import Any

import pytest
import trio

from ...proof.rules.history import FEED
from ..daemon import Event, Session, of_type, outcome, parts
from .human import Human
from .lives import Lives, history
from .readers import Reader
from .world import POLL, World

pytestmark = pytest.mark.agents

SLEEP, LEFT = ("sleep", "4711"), ("sleep", "4712")

LEAVE = "setsid sleep 4712 </dev/null >/dev/null 2>&1 &"
"""A command of which something stays behind that has left its parents, its terminal and its group."""

RESTARTED = "the session was restarted; its turn cannot go on"
RESUMED, AFRESH = "resumed its conversation", "started afresh: it had kept no conversation"


async def test_kill_9_of_an_idle_daemon_forgets_nothing_and_the_agent_goes_on_also_when_it_was_suspended(lives: Lives):
    remembered = f"{lives.agent.hello} remembered"
    async with lives.life() as world:
        session = await world.session()
        await session.turn(world.agent.tool(f"{LEAVE} echo started"))
        await world.runs(*LEFT)
        await session.turn(remembered)
        before = await session.info()
        await world.daemon.kill()

    async with lives.life(suspend_after=0.5) as world:
        assert world.signed() == [], "what the first life had left is gone before the next one listens"
        assert lives.left_by_agents() == []
        session.http = world.daemon.http
        assert told_of(await session.info()) == told_of(before) | {"status": "suspended"}
        assert await history(world.daemon, session) == session.events
        lives.rejoin(world.daemon)
        await goes_on(world, session, remembered)
        await session.until(lambda: "agent.suspended" in labels(session.events))
        assert world.signed() == [], "a session that is suspended needs no process"
        assert lives.left_by_agents() == []
        await goes_on(world, session, remembered)
        assert (await session.info())["nativeSessionId"] == before["nativeSessionId"]
        await lives.check(world.daemon)
        world.check()


async def test_a_reboot_kill_9_and_sigterm_in_mid_turn_end_the_turn_and_what_waited_runs(lives: Lives):
    made = lives.sandbox.work / "made"
    async with lives.life() as world:
        session = await world.session()
        lives.read(world.daemon, Reader(session.id, "websocket"), Reader(FEED))
        await the_model_begins(world, session)
        await session.send(f"{world.agent.hello} waited")
        assert (await session.info())["queued"] == 1
        await world.lose_power()

    async with lives.life() as world:
        lives.rejoin(world.daemon)
        await session.wait_for("turn.ended", 2)
        assert outcomes(session) == ["failed", "completed"]
        assert world.heard("waited")
        assert labels(session.events)["agent.restarted"] == (AFRESH if world.agent.forgets_unanswered else RESUMED)
        assert world.heard("held") != world.agent.forgets_unanswered
        await a_tool_runs(world, session)
        await world.daemon.kill()

    async with lives.life() as world:
        assert world.signed() == []
        lives.rejoin(world.daemon)
        await session.wait_for("turn.ended", 3)
        session.answer = Human(None)
        await session.send(world.agent.tool(f"touch {made}"))
        await session.wait_for("permission.requested", 2)
        await world.daemon.kill()

    session.answer = Human()
    async with lives.life() as world:
        assert (await world.daemon.http.get("/v1/permissions")).json() == {"permissions": []}
        lives.rejoin(world.daemon)
        await session.wait_for("turn.ended", 4)
        rejected = of_type(session.events, "permission.resolved")[-1]["data"]
        assert (rejected["status"], rejected["metadata"]["cause"]) == ("reject", "restart")
        await goes_on(world, session, "waited")
        assert not made.exists(), "nothing was allowed"
        await a_tool_runs(world, session)
    assert world.signed() == []
    assert lives.left() == []

    async with lives.life() as world:
        lives.rejoin(world.daemon)
        await session.wait_for("turn.ended", 6)
        await goes_on(world, session, "waited")
        assert outcomes(session) == ["failed", "completed", "failed", "failed", "completed", "interrupted", "completed"]
        await lives.check(world.daemon)
        world.check(errors=(RESTARTED,) * 3)


async def the_model_begins(world: World, session: Session) -> None:
    """An answer that will never be whole, in a conversation that has a name."""
    await session.send(f"{world.agent.hang} held")
    await session.wait_for("turn.started")
    await world.hears("held")
    while (await session.info())["nativeSessionId"] is None:
        await trio.sleep(POLL)
    if world.agent.heard and world.can("streamingDeltas"):
        await session.wait_for("item.delta")


async def a_tool_runs(world: World, session: Session) -> None:
    await session.send(world.agent.tool(f"{LEAVE} sleep 4711"))
    await world.runs(*SLEEP)
    await world.runs(*LEFT)


async def goes_on(world: World, session: Session, remembered: str) -> None:
    """A process that was started for this prompt resumes its own conversation."""
    turn = await session.turn(world.agent.hello)
    assert outcome(turn) == "completed"
    assert labels(turn)["agent.restarted"] == RESUMED
    assert world.heard(remembered)


def told_of(info: dict[str, Any]) -> dict[str, Any]:
    """What is told of a session, without the daemon's own settings."""
    return {name: value for name, value in info.items() if name != "timeouts"}


def outcomes(session: Session) -> list[str]:
    return [event["data"]["metadata"]["outcome"] for event in of_type(session.events, "turn.ended")]


def labels(events: list[Event]) -> dict[str, str]:
    """What the status items say, by label."""
    return {part["label"]: part["detail"] for part in parts(events, "status")}
