"""The dialect against the real Claude Code, without the daemon: nothing that it says may be unknown to us."""

from functools import partial

import pytest

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.dialect import Attachment
from sandbox_agent.schema.items import FileRefPart, ImagePart, ReasoningPart, StatusPart, ToolCallPart, ToolResultPart

from ...models.server import ModelServer
from ...schema.playbook import text_of
from ..driver import driving, items, outcome, parts
from ..sandbox import PNG, Sandbox

pytestmark = pytest.mark.agents

claude = partial(driving, Claude)

CONVERSATION = (
    "SCN_HELLO",
    "SCN_THINK",
    "SCN_BASH 'touch x && echo err >&2 && exit 3'",
    "SCN_PARALLEL",
    "SCN_WRITE {work}/a.txt hello world",
    "SCN_EDIT {work}/a.txt hello HELLO",
    "SCN_READ {work}/a.txt",
    "SCN_READ {work}/p.png",
    "SCN_READ {work}/missing",
    "SCN_TODO",
    "SCN_ASK",
    "SCN_SUBAGENT",
    "SCN_UNKNOWNTOOL",
    "SCN_400",
    "SCN_401",
    "SCN_429",
    "SCN_500",
    "SCN_529",
    "/context",
    "/nosuchcommand",
    "SCN_HELLO",
    "/compact",
    "/clear",
    "SCN_HELLO again",
)


async def test_a_long_conversation_has_nothing_unparsed_and_every_item_is_closed(sandbox: Sandbox):
    (sandbox.work / "p.png").write_bytes(PNG)
    async with claude(sandbox) as driver:
        for number, text in enumerate(CONVERSATION, 1):
            turn = await driver.turn(text.format(work=sandbox.work))
            assert turn[0].type == "turn.started"
            assert turn[-1].type == "turn.ended"
            assert turn[-1].data.turn_id == f"turn_{number}"
        assert [event for event in driver.events if event.type == "agent.unparsed"] == []
        started = [event.data.item.item_id for event in driver.events if event.type == "item.started"]
        completed = [event.data.item.item_id for event in driver.events if event.type == "item.completed"]
        assert sorted(started) == sorted(completed)
        assert {item.parent_id for item in items(driver.events)} <= {None, *started}


async def test_deltas_add_up_to_the_completed_item_and_come_before_it(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_THINK")
        thought, said = [item for item in items(turn, "message") if item.role == "assistant"]
        assert thought.content == (ReasoningPart("First I ponder. Then I decide.", "public"),)
        assert text_of(said.content) == "Answer after thinking."
        for item in (thought, said):
            about = [e for e in turn if item.item_id in (getattr(e.data, "item_id", None), _item_id(e))]
            assert [about[0].type, about[-1].type] == ["item.started", "item.completed"]
            assert "".join(event.data.delta for event in about[1:-1]) == text_of(item.content)
            assert len(about) >= 5, "it streams"


async def test_a_failing_command_is_a_failed_result_with_its_plain_output(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_BASH 'echo \"a b\"; exit 3'")
        (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
        assert call.content[0].arguments == '{"command":"echo \\"a b\\"; exit 3","description":"a command"}'
        assert (result.status, result.parent_id) == ("failed", call.item_id)
        assert result.content == (ToolResultPart(call.content[0].call_id, "Exit code 3\na b"),)
        assert outcome(turn) == "completed"


async def test_edits_are_told_as_diffs(sandbox: Sandbox):
    file = sandbox.work / "a.txt"
    async with claude(sandbox) as driver:
        created = await driver.turn(f"SCN_WRITE {file} hello world")
        edited = await driver.turn(f"SCN_EDIT {file} hello HELLO")
        rewritten = await driver.turn(f"SCN_WRITE {file} other")
    assert parts(created, FileRefPart) == [
        FileRefPart(str(file), "write", f"--- /dev/null\n+++ {file}\n@@ -0,0 +1,1 @@\n+hello world\n")
    ]
    change = f"--- {file}\n+++ {file}\n@@ -1,1 +1,1 @@\n"
    assert parts(edited, FileRefPart) == [
        FileRefPart(str(file), "read"),
        FileRefPart(str(file), "patch", f"{change}-hello world\n+HELLO world\n"),
    ]
    assert parts(rewritten, FileRefPart) == [FileRefPart(str(file), "write", f"{change}-HELLO world\n+other\n")]
    assert file.read_text() == "other\n"


async def test_an_image_that_a_tool_returns_is_an_image_part(sandbox: Sandbox):
    (sandbox.work / "p.png").write_bytes(PNG)
    async with claude(sandbox) as driver:
        turn = await driver.turn(f"SCN_READ {sandbox.work / 'p.png'}")
        (image,) = parts(turn, ImagePart)
        assert image.mime == "image/png"
        assert image.path.startswith("data:image/png;base64,iVBOR")
        assert parts(turn, FileRefPart) == [FileRefPart(str(sandbox.work / "p.png"), "read")]


async def test_an_image_reaches_the_model_and_another_file_is_named_to_it(sandbox: Sandbox, models: ModelServer):
    image = Attachment(str(sandbox.work / "p.png"), "image/png", "p.png", PNG)
    notes = Attachment(str(sandbox.work / "notes.txt"), "text/plain", None)
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_IMAGE", attachments=(image, notes))
        assert text_of(items(turn, "message")[-1].content).startswith("Images: image/png:")
        assert f"Attachments:\n- {notes.path}" in str(models.asked()[-1]["messages"]).replace("\\n", "\n")
        assert items(turn)[0].content[1:] == (
            ImagePart(image.path, "image/png"),
            FileRefPart(notes.path, "read"),
        )


async def test_a_sub_agents_items_hang_below_its_call(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_SUBAGENT")
        agent, bash = items(turn, "tool_call")
        assert [agent.content[0].name, bash.content[0].name] == ["Agent", "Bash"]
        assert bash.parent_id == agent.item_id
        inner, outer = items(turn, "tool_result")
        assert (inner.parent_id, outer.parent_id) == (bash.item_id, agent.item_id)
        assert inner.content[0].output == "from-the-sub-agent"
        labels = {part.label for part in parts(turn, StatusPart)}
        assert {"task_started", "task_updated", "task_notification"} <= labels


async def test_its_todo_tools_are_there(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        results = items(await driver.turn("SCN_TODO"), "tool_result")
        assert [result.status for result in results] == ["completed"] * 3
        assert results[-1].content[0].output == "#1 [in_progress] Read code"


async def test_a_turn_tells_its_own_tokens_and_cost_not_the_processes(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        first = (await driver.turn("SCN_HELLO"))[-1].data.metadata
        second = (await driver.turn("SCN_HELLO"))[-1].data.metadata
        spawned = (await driver.turn("SCN_SUBAGENT"))[-1].data.metadata
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
    assert first["usage"] == second["usage"] == usage
    assert first["cost_usd"] == second["cost_usd"] > 0
    assert spawned["usage"]["input_tokens"] == 400, "two requests of its own and two of the sub-agent's"
    assert (first["num_turns"], first["stop_reason"]) == (1, "end_turn")
    assert sum(model["cost_usd"] for model in first["models"].values()) == first["cost_usd"]


async def test_a_prompt_of_200_kb_arrives_whole(sandbox: Sandbox):
    text = "SCN_LEN\n" + "x" * 200_000
    async with claude(sandbox) as driver:
        turn = await driver.turn(text)
        assert text_of(items(turn, "message")[-1].content) == f"Prompt has {len(text)} characters."


async def test_parallel_calls_each_get_their_own_result(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_PARALLEL")
        calls = {item.item_id: part.call_id for item in items(turn, "tool_call") for part in item.content}
        results = {item.parent_id: item.content[0] for item in items(turn, "tool_result")}
        assert {calls[parent]: part.call_id for parent, part in results.items()} == {c: c for c in calls.values()}
        assert sorted(part.output for part in results.values()) == ["first", "second"]
        assert len(parts(turn, ToolCallPart)) == 2


def _item_id(event: object) -> str | None:
    item = getattr(event.data, "item", None)  # type: ignore[attr-defined]
    return None if item is None else item.item_id
