"""The story's last part: how turns, agents and sessions end. Each test is played by every agent."""

import pytest
import trio

from ..daemon import alive, of_type, outcome
from .world import POLL, World

pytestmark = pytest.mark.agents

SLEEP = ("sleep", "4711")


async def test_an_interrupt_in_mid_tool_ends_the_turn_and_the_tools_processes(world: World):
    session = await world.session()
    await session.send(world.agent.tool("touch made; sleep 4711"))
    await world.runs(*SLEEP)
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    await world.gone(*SLEEP)
    assert outcome(await session.turn(world.agent.hello)) == "completed"
    world.check()


async def test_an_interrupt_right_behind_the_prompt_ends_the_turn_and_not_the_agent(world: World):
    """The agent may not have begun the turn yet. One that drops the interrupt would be ended for not stopping."""
    session = await world.session()
    await session.turn(world.agent.hello)
    before = world.agent_process()
    for count in range(2, 6):
        await session.send(world.agent.hang)
        assert (await session.post("/interrupt")).json()["interrupted"] is True
        ended = await session.wait_for("turn.ended", count)
        assert ended["data"]["metadata"]["outcome"] == "interrupted"
    assert before.is_running() != world.agent.ends_on_interrupt
    assert outcome(await session.turn(world.agent.hello)) == "completed"
    world.check()


async def test_kill_9_in_mid_turn_fails_the_turn_and_the_next_prompt_resumes(world: World):
    session = await world.session()
    await session.turn(f"{world.agent.hello} remembered")
    native = (await session.info())["nativeSessionId"]
    await session.send(world.agent.tool("touch made; sleep 4711"))
    await world.runs(*SLEEP)
    world.agent_process().kill()
    await session.wait_for("turn.ended", 2)
    turn = await session.turn(world.agent.hello)
    outcomes = [event["data"]["metadata"]["outcome"] for event in of_type(session.events, "turn.ended")]
    assert outcomes == ["completed", "failed", "completed"]
    assert turn[-1]["native_session_id"] == native
    assert world.heard(f"{world.agent.hello} remembered")
    assert world.running(*SLEEP) == []
    world.check(errors=("",))
    assert [event["data"]["code"] for event in of_type(session.events, "error")] == ["process_exit"]


async def test_a_suspended_session_has_no_process_and_the_next_prompt_resumes(world: World):
    session = await world.session(timeouts={"suspendAfterSeconds": 1})
    await session.turn(f"{world.agent.hello} remembered")
    native = (await session.info())["nativeSessionId"]
    while (await session.info())["status"] != "suspended":
        await trio.sleep(POLL)
    assert world.signed() == []
    turn = await session.turn(world.agent.hello)
    assert turn[-1]["data"]["metadata"]["outcome"] == "completed"
    assert turn[-1]["native_session_id"] == native
    assert world.heard(f"{world.agent.hello} remembered")
    assert (await session.info())["agentRestarts"] == 0
    world.check()


async def test_terminate_leaves_no_descendant(world: World):
    session = await world.session()
    await session.send(world.agent.tool("setsid sleep 4711 & touch made; sleep 4711"))
    await world.runs(*SLEEP, count=2)
    running = world.signed()
    assert (await session.post("/terminate")).status_code == 204
    assert alive(running) == []
    assert world.signed() == []
    ended = await session.wait_for("session.ended")
    assert ended["data"]["reason"] == "terminated"
    world.check()
