"""The story's first part: a conversation. Each test is played by every agent."""

import pytest
import trio

from ..daemon import of_type, outcome, parts
from ..sandbox import PNG
from .shape import shape
from .world import World, texts

pytestmark = pytest.mark.agents

FIRST_TURN = [
    "turn.started",
    "message user completed",
    "message assistant completed",
    "turn.ended completed",
]


async def test_the_first_turn_streams_and_has_the_same_shape_with_every_agent(world: World):
    session = await world.session()
    turn = await session.turn(world.agent.hello)
    assert session.events[0]["data"]["metadata"]["agent"] == world.agent.name
    assert shape(turn) == FIRST_TURN
    (said,) = texts(turn)
    assert world.agent.answer in said
    (started,) = [e for e in of_type(turn, "item.started") if e["data"]["item"]["role"] == "assistant"]
    assert started["synthetic"] != world.can("itemStarted")
    item_id = started["data"]["item"]["item_id"]
    deltas = [event for event in of_type(turn, "item.delta") if event["data"]["item_id"] == item_id]
    assert "".join(event["data"]["delta"] for event in deltas) == said
    assert (len(deltas) > 1) == world.can("streamingDeltas")
    assert all(event["synthetic"] for event in deltas) != world.can("streamingDeltas")
    assert turn[-1]["data"]["metadata"].get("usage") == world.agent.usage
    world.check()


async def test_the_second_turn_reasons_and_goes_on_with_the_first_ones_conversation(world: World):
    session = await world.session()
    first = await session.turn(f"{world.agent.hello} remembered")
    second = await session.turn(world.agent.think)
    assert (outcome(first), outcome(second)) == ("completed", "completed")
    assert world.agent.thought in [part["text"] for part in parts(second, "reasoning")]
    assert world.heard(f"{world.agent.hello} remembered")
    assert [event["data"]["turn_id"] for event in of_type(session.events, "turn.ended")] == ["turn_1", "turn_2"]
    assert (await session.info())["nativeSessionId"] == second[-1]["native_session_id"]
    assert world.can("reasoning")
    world.check()


async def test_a_prompt_of_200_kb_an_image_and_a_file_reach_the_model(world: World):
    session = await world.session()
    text = f"{world.agent.long}\n" + "x" * 200_000
    assert texts(await session.turn(text))[-1] == world.agent.told(text)
    image, notes = world.sandbox.work / "p.png", world.sandbox.work / "notes.txt"
    await trio.Path(image).write_bytes(PNG)
    await trio.Path(notes).write_text("notes")
    assert world.agent.seen(str(image)) in texts(await session.turn(world.agent.image, [image, notes]))[-1]
    assert world.heard(str(notes))
    assert world.can("images")
    assert world.can("fileAttachments")
    world.check()


async def test_an_error_of_the_model_fails_the_turn_and_the_session_goes_on(world: World):
    session = await world.session()
    failed = await session.turn(world.agent.fail)
    assert outcome(failed) == "failed"
    assert len(of_type(failed, "error")) == 1
    assert outcome(await session.turn(world.agent.hello)) == "completed"
    world.check(errors=(world.agent.error,))


async def test_what_an_agent_cannot_do_is_declared(world: World):
    capabilities = await world.capabilities()
    assert {name for name, can in capabilities.items() if not can} == world.agent.cannot
