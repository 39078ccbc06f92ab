"""The story's second part: what an agent does, and what it asks before. Each test is played by every agent."""

import pytest
import trio

from sandbox_agent.schema.api.sessions import PermissionReply

from ..daemon import items, of_type, outcome, parts
from .diff import applied
from .human import Human, chosen
from .shape import shape
from .world import World, texts

pytestmark = pytest.mark.agents

TOOL_TURN = [
    "turn.started",
    "message user completed",
    "message assistant completed",
    "tool_call assistant completed",
    "permission.requested",
    "permission.resolved accept",
    "tool_result tool completed",
    "message assistant completed",
    "turn.ended completed",
]

BEFORE = "one\nhello\nthree\n"


async def test_a_tools_turn_has_the_same_shape_with_every_agent(world: World):
    session = await world.session()
    turn = await session.turn(world.agent.tool("touch made; echo from-the-tool"))
    assert shape(turn) == TOOL_TURN
    (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
    assert result["parent_id"] == call["item_id"]
    assert result["content"][0]["call_id"] == call["content"][0]["call_id"]
    assert result["content"][0]["output"].strip() == "from-the-tool"
    assert "touch made; echo from-the-tool" in call["content"][0]["arguments"]
    assert "from-the-tool" in texts(turn)[-1], "the model got the result"
    world.check()


async def test_a_directory_that_is_a_link_is_where_it_leads_and_is_called_what_it_was_named(world: World):
    link = world.sandbox.work
    real = await trio.Path(link).rename(link.with_name("real"))
    await trio.Path(link).symlink_to(real)
    session = await world.session()
    assert (await session.info())["directory"] == str(link)
    environment = world.agent_process().environ()
    assert environment["PWD"] == str(link)
    turn = await session.turn(world.agent.tool("touch made; pwd -P"))
    (result,) = items(turn, "tool_result")
    assert result["content"][0]["output"].strip() == str(real)
    assert await (real / "made").exists()
    world.check()


async def test_each_answer_to_a_permission(world: World):
    human = Human("once")
    session = await world.session(human)
    made = world.sandbox.work / "made"

    async def asked(reply: PermissionReply | None) -> list[str]:
        """What became of the permissions that were asked for when the tool was used once."""
        human.reply = reply
        await trio.Path(made).unlink(missing_ok=True)
        turn = await session.turn(world.agent.tool(f"touch {made}"))
        assert outcome(turn) == "completed"
        (result,) = items(turn, "tool_result")
        assert (result["status"] == "completed") == (reply != "reject") == made.exists()
        return [event["data"]["status"] for event in of_type(turn, "permission.resolved")]

    assert await asked("once") == ["accept"]
    assert await asked("reject") == ["reject"], "once was for once"
    assert await asked("always") == ["accept_for_session"]
    assert set(await asked(None)) <= {"accept", "accept_for_session"}, "nobody has to answer any more"
    assert world.can("permissions")
    world.check()


async def test_questions_are_asked_and_each_answer_reaches_the_model(world: World):
    assert world.can("questions") == (world.agent.ask is not None)
    if world.agent.ask is None:
        return
    human = Human()
    session = await world.session(human)
    turn = await session.turn(world.agent.ask)
    asked = [part for event in of_type(turn, "question.requested") for part in event["data"]["questions"]]
    assert tuple((part["question"], part["multi_select"]) for part in asked) == world.agent.questions
    resolved = [event["data"] for event in of_type(turn, "question.resolved")]
    assert {data["status"] for data in resolved} == {"answered"}
    assert [labels for data in resolved for labels in data["answers"]] == [chosen(part) for part in asked]
    assert all(label in texts(turn)[-1] for part in asked for label in chosen(part))

    human.rejects_questions = True
    turn = await session.turn(world.agent.ask)
    assert {event["data"]["status"] for event in of_type(turn, "question.resolved")} == {"rejected"}
    assert outcome(turn) == "completed"
    world.check()


async def test_an_edit_is_told_with_a_diff_that_applies_to_the_file(world: World):
    file = world.sandbox.work / "a.txt"
    await trio.Path(file).write_text(BEFORE)
    session = await world.session()
    turn = await session.turn(f"{world.agent.edit} {file} hello HELLO")
    after = await trio.Path(file).read_text()
    assert after == BEFORE.replace("hello", "HELLO")
    (change,) = [part for part in parts(turn, "file_ref") if part["action"] == "patch"]
    assert change["path"] == str(file)
    assert applied(BEFORE, change["diff"]) == after
    assert world.can("fileChanges")
    world.check()


async def test_the_users_mcp_server_is_there_and_its_tool_is_a_tool_call(world: World):
    if world.agent.with_mcp is None:
        assert world.agent.heard is None, "only an agent without a model has no use for tools of others"
        return
    world.agent.with_mcp(world.sandbox)
    session = await world.session()
    turn = await session.turn("SCN_MCP a word")
    (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
    assert "lab" in call["content"][0]["name"]
    assert "a word" in call["content"][0]["arguments"]
    assert result["parent_id"] == call["item_id"]
    assert "echo:a word" in result["content"][0]["output"]
    assert "echo:a word" in texts(turn)[-1]
    assert world.can("mcpTools")
    world.check()
