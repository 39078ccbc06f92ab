"""The real Codex through the dialect: what its items become."""

from functools import partial
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import Attachment
from sandbox_agent.schema.agents.ledger import EventDraft
from sandbox_agent.schema.items import (
    FileRefPart,
    ImagePart,
    JsonPart,
    ReasoningPart,
    StatusPart,
    ToolCallPart,
    ToolResultPart,
)

from ...models.server import ModelServer
from ...schema.playbook import text_of
from ..driver import Driver, driving, items, outcome, parts
from ..sandbox import PNG, Sandbox
from .home import CODE_MODEL, SPAWNING_MODEL, with_mcp_server

pytestmark = pytest.mark.agents

codex = partial(driving, Codex, executable=("codex",), seed="seed")

CONVERSATION = (
    "SCN_HELLO",
    "SCN_THINK",
    "SCN_BASH 'touch x && echo err >&2 && exit 3'",
    "SCN_LIVE",
    "SCN_PARALLEL",
    "SCN_WRITE {work}/a.txt hello world",
    "SCN_EDIT {work}/a.txt 'hello world' HELLO",
    "SCN_MOVE {work}/a.txt {work}/b.txt HELLO other",
    "SCN_DELETE {work}/b.txt",
    "SCN_READ {work}/missing",
    "SCN_VIEW {work}/p.png",
    "SCN_ESCALATE touch {work}/y",
    "SCN_TODO",
    "SCN_ASK",
    "SCN_MCP a word",
    "SCN_FORM",
    "SCN_FORM free",
    "SCN_UNKNOWNTOOL",
    "SCN_400",
    "SCN_401",
    "SCN_429",
    "SCN_500",
    "SCN_HELLO again",
)


def assert_clean(driver: Driver) -> None:
    """Nothing unparsed, and every item closed."""
    assert [event for event in driver.events if event.type == "agent.unparsed"] == []
    started = [event.data.item.item_id for event in driver.events if event.type == "item.started"]
    completed = [event.data.item.item_id for event in driver.events if event.type == "item.completed"]
    assert sorted(started) == sorted(completed)
    assert {item.parent_id for item in items(driver.events)} <= {None, *started}


async def test_a_long_conversation_has_nothing_unparsed_and_every_item_is_closed(sandbox: Sandbox):
    (sandbox.work / "p.png").write_bytes(PNG)
    with_mcp_server(sandbox.home)
    async with codex(sandbox) as driver:
        for number, text in enumerate(CONVERSATION, 1):
            turn = await driver.turn(text.format(work=sandbox.work))
            assert turn[0].type == "turn.started"
            assert turn[-1].type == "turn.ended"
            assert turn[-1].data.turn_id == f"turn_{number}"
        assert_clean(driver)


async def test_deltas_add_up_to_the_completed_item_and_come_before_it(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_THINK")
        thought, said = [item for item in items(turn, "message") if item.role == "assistant"]
        assert thought.content == (ReasoningPart("First I ponder. Then I decide.", "public"),)
        assert text_of(said.content) == "Answer after thinking."
        for item in (thought, said):
            about = [e for e in turn if item.item_id in (getattr(e.data, "item_id", None), _item_id(e))]
            assert [about[0].type, about[-1].type] == ["item.started", "item.completed"]
            assert "".join(event.data.delta for event in about[1:-1]) == text_of(item.content)
            assert len(about) >= 5, "it streams"


async def test_the_prompt_is_told_once(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_HELLO")
        assert [item.native_item_id for item in items(turn, "message") if item.role == "user"] == ["user_1"]


async def test_a_command_streams_its_output_and_tells_its_exit_code(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_LIVE")
        (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
        assert call.content == (ToolCallPart("shell", call.content[0].arguments, call.native_item_id),)
        assert '"command":"echo one; sleep 0.5; ' in call.content[0].arguments
        deltas = [e.data.delta for e in turn if e.type == "item.delta" and e.data.item_id == result.item_id]
        assert "two\n" in deltas
        assert (result.status, result.parent_id) == ("failed", call.item_id)
        said, facts = result.content
        assert said == ToolResultPart(call.native_item_id, "one\ntwo\nthree\n"), "also what came before the deltas"
        assert (facts.json["exit_code"], facts.json["status"]) == (3, "failed")
        assert outcome(turn) == "completed"


async def test_the_directory_is_the_working_directory(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_BASH pwd")
        assert items(turn, "tool_result")[0].content[0].output == f"{sandbox.work}\n"


async def test_parallel_calls_each_get_their_own_result(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_PARALLEL")
        calls = {item.item_id: item.content[0].call_id for item in items(turn, "tool_call")}
        results = {item.parent_id: item.content[0] for item in items(turn, "tool_result")}
        assert {calls[parent]: part.call_id for parent, part in results.items()} == {c: c for c in calls.values()}
        assert sorted(part.output for part in results.values()) == ["first\n", "second\n"]


async def test_patches_are_told_as_diffs(sandbox: Sandbox):
    a, b = sandbox.work / "a.txt", sandbox.work / "b.txt"
    async with codex(sandbox) as driver:
        created = await driver.turn(f"SCN_WRITE {a} hello")
        edited = await driver.turn(f"SCN_EDIT {a} hello HELLO")
        moved = await driver.turn(f"SCN_MOVE {a} {b} HELLO other")
        assert b.read_text() == "other\n"
        deleted = await driver.turn(f"SCN_DELETE {b}")
        assert not b.exists()
    assert [part.name for part in parts(created, ToolCallPart)] == ["apply_patch"]
    assert parts(created, FileRefPart) == [
        FileRefPart(str(a), "write", f"--- /dev/null\n+++ {a}\n@@ -0,0 +1,1 @@\n+hello\n")
    ]
    assert parts(edited, FileRefPart) == [
        FileRefPart(str(a), "patch", f"--- {a}\n+++ {a}\n@@ -1 +1 @@\n-hello\n+HELLO\n")
    ]
    assert parts(moved, FileRefPart) == [
        FileRefPart(str(b), "patch", f"--- {a}\n+++ {b}\n@@ -1 +1 @@\n-HELLO\n+other\n")
    ]
    assert parts(deleted, FileRefPart) == [
        FileRefPart(str(b), "patch", f"--- {b}\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-other\n")
    ]
    diffs = [part.detail for part in parts(edited, StatusPart) if part.label == "turn.diff.updated"]
    assert len(diffs) == 1, "told once for each change"
    assert "-hello\n+HELLO\n" in (diffs[0] or "")


async def test_a_plan_is_told_step_by_step(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_TODO")
        (item,) = [i for i in items(turn, "status") if StatusPart("turn.plan.updated", "as agreed") in i.content]
        steps = [{"step": "Read", "status": "completed"}, {"step": "Write", "status": "inProgress"}]
        assert item.content[1] == JsonPart({"plan": steps})


async def test_an_image_that_a_tool_looks_at_is_an_image_part(sandbox: Sandbox):
    path = sandbox.work / "p.png"
    path.write_bytes(PNG)
    async with codex(sandbox) as driver:
        turn = await driver.turn(f"SCN_VIEW {path}")
        assert [part.name for part in parts(turn, ToolCallPart)] == ["view_image"]
        assert parts(turn, ImagePart) == [ImagePart(str(path))]
        assert parts(turn, FileRefPart) == [FileRefPart(str(path), "read")]


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "by path"])
async def test_an_image_reaches_the_model_and_another_file_is_named_to_it(
    sandbox: Sandbox, models: ModelServer, inline: bool
):
    path = sandbox.work / "p.png"
    path.write_bytes(PNG)
    image = Attachment(str(path), "image/png", "p.png", PNG if inline else None)
    notes = Attachment(str(sandbox.work / "notes.txt"), "text/plain", None)
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_IMAGE", attachments=(image, notes))
        assert "Images: image/png:" in text_of(items(turn, "message")[-1].content)
        assert f"Attachments:\n- {notes.path}" in str(models.asked()[-1]["input"]).replace("\\n", "\n")
        assert items(turn, "message")[0].content[1:] == (
            ImagePart(image.path, "image/png"),
            FileRefPart(notes.path, "read"),
        )


async def test_a_prompt_of_200_kb_arrives_whole(sandbox: Sandbox):
    text = "SCN_LEN\n" + "x" * 200_000
    async with codex(sandbox) as driver:
        turn = await driver.turn(text)
        assert text_of(items(turn, "message")[-1].content) == f"Prompt has {len(text)} characters."


async def test_a_turn_tells_its_own_tokens_not_the_threads(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        first = (await driver.turn("SCN_HELLO"))[-1].data.metadata
        second = (await driver.turn("SCN_HELLO"))[-1].data.metadata
        third = (await driver.turn("SCN_BASH true"))[-1].data.metadata
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
    assert first["usage"] == second["usage"] == usage
    assert third["usage"]["input_tokens"] == 200, "two requests"
    assert "cost_usd" not in first, "codex does not tell it"
    assert first["stop_reason"] == "completed"
    assert first["duration_ms"] >= 0


async def test_code_mode_shows_the_tools_behind_the_script(sandbox: Sandbox):
    script = 'const r = await tools.exec_command({cmd: "echo from-code; exit 2"}); text(r.output)'
    async with codex(sandbox, model=CODE_MODEL) as driver:
        turn = await driver.turn(f"SCN_CODE '{script}'")
        (result,) = items(turn, "tool_result")
        assert (result.status, result.content[0].output) == ("failed", "from-code\n")
        assert "from-code" in text_of(items(turn, "message")[-1].content), "the script went on"
        assert_clean(driver)


async def test_a_sub_agents_items_hang_below_its_call(sandbox: Sandbox):
    async with codex(sandbox, model=SPAWNING_MODEL) as driver:
        turn = await driver.turn("SCN_SUBAGENT")
        (spawn,) = [item for item in items(turn, "tool_call") if item.content[0].name == "spawnAgent"]
        await driver.until(lambda: _said(driver, "from-the-sub-agent"))
        (bash,) = [item for item in items(driver.events, "tool_call") if item.content[0].name == "shell"]
        assert bash.parent_id == spawn.item_id
        task = [item for item in items(driver.events, "message") if item.parent_id == spawn.item_id]
        assert (task[0].role, text_of(task[0].content)) == ("user", "SCN_BASH echo from-the-sub-agent")
        assert outcome(turn) == "completed"
        started = [event for event in driver.events if event.type == "turn.started"]
        assert len(started) <= 2, (
            "a sub-agent's turn is none of the session's, but it may go on in one of the agent's own"
        )


async def test_an_mcp_tool_is_a_call_of_the_server_and_the_tool(sandbox: Sandbox):
    with_mcp_server(sandbox.home)
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_MCP a word")
        (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
        assert call.content == (ToolCallPart("lab.echo", '{"text":"a word"}', call.native_item_id),)
        assert result.content == (ToolResultPart(call.native_item_id, "echo:a word"),)


async def test_an_mcp_server_that_does_not_start_is_told_and_nothing_else_suffers(sandbox: Sandbox):
    with (sandbox.home / ".codex" / "config.toml").open("a") as config:
        config.write('\n[mcp_servers.broken]\ncommand = "false"\n')
    async with codex(sandbox) as driver:
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"
        await driver.until(lambda: "mcp.failed" in {part.label for part in parts(driver.events, StatusPart)})
        assert_clean(driver)


async def test_the_users_own_configuration_counts(sandbox: Sandbox, models: ModelServer):
    config = Path(sandbox.home, ".codex", "config.toml")
    config.write_text('model_reasoning_effort = "high"\n' + config.read_text())
    async with codex(sandbox, model="default") as driver:
        await driver.turn("SCN_HELLO")
    asked = models.asked()[-1]
    assert (asked["model"], asked["reasoning"]["effort"]) == ("gpt-5.5", "high")


async def test_the_model_and_the_effort_are_the_sessions(sandbox: Sandbox, models: ModelServer):
    async with codex(sandbox, model="gpt-5.4", variant="low") as driver:
        await driver.turn("SCN_HELLO")
    asked = models.asked()[-1]
    assert (asked["model"], asked["reasoning"]["effort"]) == ("gpt-5.4", "low")


def _said(driver: Driver, text: str) -> bool:
    """Whether some tool returned it."""
    return any(text in part.output for part in parts(driver.events, ToolResultPart))


def _item_id(event: EventDraft) -> str | None:
    item = getattr(event.data, "item", None)
    return None if item is None else item.item_id
