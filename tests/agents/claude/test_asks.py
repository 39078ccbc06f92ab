"""Every ask of the real Claude Code and every answer to it, through the dialect."""

import json
import re
from collections.abc import Sequence
from functools import partial

import pytest

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.dialect import Dialect
from sandbox_agent.schema.agents.effects import Effect, RequestPermission, RequestQuestion
from sandbox_agent.schema.api.sessions import PermissionReply
from sandbox_agent.schema.events import Elicitation
from sandbox_agent.schema.items import StatusPart

from ...models.server import ModelServer
from ...schema.playbook import text_of
from ..driver import Answer, allow, driving, items, leave_open, outcome, parts
from ..sandbox import Sandbox
from .home import with_mcp_server

pytestmark = pytest.mark.agents

claude = partial(driving, Claude)


def replying(reply: PermissionReply) -> Answer:
    def answer(dialect: Dialect, ask: RequestPermission | RequestQuestion) -> Sequence[Effect]:
        assert isinstance(ask, RequestPermission)
        return dialect.answer_permission(ask.permission_id, reply)

    return answer


def choosing(*answers: Sequence[str]) -> Answer:
    """Answer questions so; without answers, reject them. Permissions are allowed."""

    def answer(dialect: Dialect, ask: RequestPermission | RequestQuestion) -> Sequence[Effect]:
        if isinstance(ask, RequestPermission):
            return allow(dialect, ask)
        return dialect.answer_question(ask.data.question_id, answers or None)

    return answer


def rejecting(dialect: Dialect, ask: RequestPermission | RequestQuestion) -> Sequence[Effect]:
    if isinstance(ask, RequestPermission):
        return dialect.answer_permission(ask.permission_id, "reject")
    return dialect.answer_question(ask.data.question_id, None)


async def test_a_permission_says_what_it_is_for(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        turn = await driver.turn("SCN_BASH touch made")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestPermission)
        assert ask.action == "Bash"
        assert ask.metadata["toolName"] == "Bash"
        assert ask.metadata["input"] == {"command": "touch made", "description": "a command"}
        assert ask.metadata["toolUseId"] == items(turn, "tool_call")[0].native_item_id
        assert ask.metadata["blockedPath"] == str(sandbox.work / "made")
        assert ask.metadata["description"] == "a command"
        assert ask.metadata["permissionSuggestions"][0]["type"] == "addRules"


async def test_a_permission_says_why_it_is_asked(sandbox: Sandbox):
    configuration = sandbox.home / ".claude"
    configuration.mkdir(exist_ok=True)
    (configuration / "settings.json").write_text(json.dumps({"permissions": {"ask": ["Bash(mkfifo *)"]}}))
    async with claude(sandbox) as driver:
        await driver.turn("SCN_BASH mkfifo made")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestPermission)
        assert ask.metadata["decisionReasonType"] == "rule"


async def test_text_and_numbers_reach_the_mcp_server_as_what_they_are(sandbox: Sandbox):
    with_mcp_server(sandbox.home)
    async with claude(sandbox, choosing(["Ada"], ["36"], [], ["ada@example.com"])) as driver:
        turn = await driver.turn("SCN_FORM typed")
        ask = driver.approvals[-1]
        assert isinstance(ask, RequestQuestion)
        assert (ask.data.prompt, ask.data.elicitation) == ("Please choose\n\nName", Elicitation("lab", "Please choose"))
        assert [part.kind for part in ask.data.questions or ()] == ["text", "integer", "number", "text"]
        content = '{"age": 36, "mail": "ada@example.com", "name": "Ada", "share": 0.5}'
        assert f'{{"action": "accept", "content": {content}}}' in items(turn, "tool_result")[0].content[0].output
        assert [event for event in driver.events if event.type == "agent.unparsed"] == []


@pytest.mark.parametrize(
    ("answers", "action"), [((["Accept"],), "accept"), ((["Decline"],), "decline"), ((), "decline")]
)
async def test_an_address_to_open_is_a_question(sandbox: Sandbox, answers: tuple[list[str], ...], action: str):
    with_mcp_server(sandbox.home)
    async with claude(sandbox, choosing(*answers)) as driver:
        turn = await driver.turn("SCN_FORM url")
        ask = driver.approvals[-1]
        assert isinstance(ask, RequestQuestion)
        (part,) = ask.data.questions or ()
        assert (part.kind, part.url, part.question) == ("url", "https://example.com/consent", "Please choose")
        assert f'"action": "{action}"' in items(turn, "tool_result")[0].content[0].output


async def test_once_allows_once(sandbox: Sandbox):
    async with claude(sandbox, replying("once")) as driver:
        await driver.turn("SCN_BASH touch made")
        await driver.turn("SCN_BASH touch made")
        assert len(driver.approvals) == 2
    assert (sandbox.work / "made").exists()


@pytest.mark.parametrize("prompt", ["SCN_BASH touch made", "SCN_WRITE {work}/made text"])
async def test_always_leaves_nothing_with_claude_and_changes_no_settings(sandbox: Sandbox, prompt: str):
    """The daemon remembers it, and here is none."""
    async with claude(sandbox, replying("always")) as driver:
        for count in (1, 2):
            await driver.turn(prompt.format(work=sandbox.work))
            assert len(driver.approvals) == count
        await driver.turn("SCN_BASH mkfifo other")
        assert len(driver.approvals) == 3
        assert "permission_mode" not in {part.label for part in parts(driver.events, StatusPart)}
    assert not (sandbox.work / ".claude").exists()


async def test_reject_fails_the_tool_and_the_turn_goes_on(sandbox: Sandbox):
    async with claude(sandbox, replying("reject")) as driver:
        turn = await driver.turn("SCN_BASH touch made")
        assert items(turn, "tool_result")[0].status == "failed"
        assert outcome(turn) == "completed"
    assert not (sandbox.work / "made").exists()


async def test_questions_are_asked_together_and_answered_with_several_labels_or_free_text(sandbox: Sandbox):
    async with claude(sandbox, choosing(["a colour of my own"], ["S", "L"])) as driver:
        turn = await driver.turn("SCN_ASK")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestQuestion)
        assert ask.data.question_id == items(turn, "tool_call")[0].native_item_id
        color, sizes = ask.data.questions or ()
        assert (ask.data.prompt, ask.data.options) == ("Which color?", ("Red", "Blue"))
        assert (color.header, color.multi_select, color.options[0].description) == ("Color", False, "warm")
        assert (sizes.question, sizes.multi_select) == ("Which sizes?", True)
        heard = text_of(items(turn, "message")[-1].content)
        assert '"Which color?"="a colour of my own"' in heard
        assert '"Which sizes?"="S, L"' in heard


async def test_rejected_questions_fail_the_tool_and_the_turn_goes_on(sandbox: Sandbox):
    async with claude(sandbox, choosing()) as driver:
        turn = await driver.turn("SCN_ASK")
        assert items(turn, "tool_result")[0].status == "failed"
        assert outcome(turn) == "completed"


async def test_an_approved_plan_reaches_the_model_and_edits_still_ask(sandbox: Sandbox):
    async with claude(sandbox, choosing(["Approve"]), agent_mode="plan") as driver:
        turn = await driver.turn("SCN_PLAN")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestQuestion)
        assert ask.data.prompt == "Approve plan execution?\n\n# Plan\n1. read\n2. write"
        assert ask.data.options == ("Approve", "Approve and accept edits", "Reject")
        result = items(turn, "tool_result")[0]
        assert result.status == "completed"
        assert "has approved exiting plan mode" in result.content[0].output
        await driver.turn(f"SCN_WRITE {sandbox.work}/made text")
        assert len(driver.approvals) == 2


async def test_a_plan_in_claudes_file_is_shown_and_reaches_the_model(sandbox: Sandbox, models: ModelServer):
    """That is where claude tells the model to write it; a plan in the call alone is not handed on by claude."""
    async with claude(sandbox, choosing(["Approve"]), agent_mode="plan") as driver:
        await driver.turn("SCN_HELLO")
        file = re.search(rf"{re.escape(str(sandbox.home))}/\S+?/plans/[\w-]+\.md", str(models.asked()[-1]))
        assert file is not None
        await driver.turn(f"SCN_WRITE {file[0]} read and write")
        assert driver.approvals == [], "claude allows it: the file is its own"
        turn = await driver.turn("SCN_PLAN")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestQuestion)
        assert ask.data.prompt == "Approve plan execution?\n\nread and write\n"
        result = items(turn, "tool_result")[0]
        assert "has approved your plan" in result.content[0].output
        assert result.content[0].output.rstrip().endswith("read and write")


async def test_a_plan_approved_with_edits_asks_for_no_edit(sandbox: Sandbox):
    async with claude(sandbox, choosing(["Approve and accept edits"]), agent_mode="plan") as driver:
        await driver.turn("SCN_PLAN")
        await driver.turn(f"SCN_WRITE {sandbox.work}/made text")
        assert len(driver.approvals) == 1
        assert StatusPart("permission_mode", "acceptEdits") in parts(driver.events, StatusPart)


async def test_an_approved_plan_goes_on_in_the_sessions_permission_mode(sandbox: Sandbox):
    spec = {"agent_mode": "plan", "permission_mode": "acceptEdits"}
    async with claude(sandbox, choosing(["Approve"]), **spec) as driver:
        await driver.turn("SCN_PLAN")
        await driver.turn(f"SCN_WRITE {sandbox.work}/made text")
        assert len(driver.approvals) == 1


async def test_a_rejected_plan_stays_a_plan_and_the_reason_is_heard(sandbox: Sandbox):
    async with claude(sandbox, choosing(["use a list"]), agent_mode="plan") as driver:
        turn = await driver.turn("SCN_PLAN")
        (result,) = items(turn, "tool_result")
        assert result.status == "failed"
        assert result.content[0].output.endswith("The user says: use a list")
        await driver.turn("SCN_PLAN")
        assert len(driver.approvals) == 2, "still in plan mode"


@pytest.mark.parametrize("agent_mode", ["build", "plan"])
async def test_a_plan_mode_that_the_model_enters_decides_nothing_in_the_humans_place(sandbox: Sandbox, agent_mode: str):
    """As claude has it, and as a user may have asked it to, a model of claude's would decide there."""
    configuration = sandbox.home / ".claude"
    configuration.mkdir()
    (configuration / "settings.json").write_text(json.dumps({"useAutoModeDuringPlan": True}))
    victim = sandbox.work / "kept"
    victim.touch()
    async with claude(sandbox, rejecting, agent_mode=agent_mode) as driver:
        turn = await driver.turn(f"SCN_ENTERPLAN rm {victim}")
        assert outcome(turn) == "completed"
        assert [ask.action for ask in driver.approvals if isinstance(ask, RequestPermission)] == ["Bash"]
    assert victim.exists()


async def test_accept_edits_asks_for_commands_only(sandbox: Sandbox):
    async with claude(sandbox, permission_mode="acceptEdits") as driver:
        await driver.turn(f"SCN_WRITE {sandbox.work}/made text")
        assert driver.approvals == []
        await driver.turn("SCN_BASH mkfifo other")
        assert len(driver.approvals) == 1


async def test_bypass_asks_for_nothing(sandbox: Sandbox):
    sandbox.environment["IS_SANDBOX"] = "1"
    async with claude(sandbox, permission_mode="bypass") as driver:
        await driver.turn("SCN_BASH touch made")
        assert driver.approvals == []
    assert (sandbox.work / "made").exists()


async def test_an_interrupt_withdraws_what_is_asked(sandbox: Sandbox):
    async with claude(sandbox, leave_open) as driver:
        await driver.prompt("SCN_BASH touch made")
        await driver.until(lambda: driver.approvals)
        await driver.perform(driver.dialect.interrupt())
        await driver.wait_for("turn.ended")
        assert outcome(driver.events) == "interrupted"
        assert driver.withdrawn == [driver.approvals[0].permission_id]
        assert await driver.turn("SCN_HELLO"), "the session goes on"
    assert not (sandbox.work / "made").exists()
