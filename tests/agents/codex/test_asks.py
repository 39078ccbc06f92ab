"""Every ask of the real Codex and every answer to it, through the dialect."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import Dialect
from sandbox_agent.schema.agents.effects import Effect, RequestPermission, RequestQuestion
from sandbox_agent.schema.api.sessions import PermissionReply
from sandbox_agent.schema.events import Elicitation

from ...schema.playbook import text_of
from ..driver import Answer, allow, driving, items, leave_open, outcome
from ..sandbox import Sandbox
from .home import with_mcp_server

pytestmark = pytest.mark.agents

codex = partial(driving, Codex, executable=("codex",), seed="seed")


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


@pytest.fixture
def outside() -> Iterator[Path]:
    """A place that codex's sandbox lets nothing write to, as it does to the work directory, TMPDIR and /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        yield Path(place)


async def test_a_permission_says_what_it_is_for(sandbox: Sandbox, outside: Path):
    async with codex(sandbox) as driver:
        turn = await driver.turn(f"SCN_ESCALATE touch {outside}/made")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestPermission)
        assert ask.action == "shell"
        assert ask.metadata["toolName"] == "shell"
        assert ask.metadata["input"] == {"command": f"touch {outside}/made", "cwd": str(sandbox.work)}
        assert ask.metadata["toolUseId"] == items(turn, "tool_call")[0].native_item_id
        assert ask.metadata["description"] == "a reason to leave the sandbox"
        assert ask.metadata["codexRequestKind"] == "commandExecution"
        assert ask.metadata["kind"] == "command"
        assert ask.metadata["availableDecisions"][0] == "accept"
        assert ask.metadata["proposedExecpolicyAmendment"] == ["touch", f"{outside}/made"]


@pytest.mark.parametrize(("reply", "made", "asked"), [("once", True, 2), ("always", True, 2), ("reject", False, 2)])
async def test_each_answer_about_a_command(
    sandbox: Sandbox, outside: Path, reply: PermissionReply, made: bool, asked: int
):
    async with codex(sandbox, replying(reply)) as driver:
        turn = await driver.turn(f"SCN_ESCALATE touch {outside}/made")
        assert (outside / "made").exists() is made
        assert items(turn, "tool_result")[0].status == ("completed" if made else "failed")
        assert outcome(turn) == "completed", "also a rejected command does not end the turn"
        await driver.turn(f"SCN_ESCALATE touch {outside}/made")
        assert len(driver.approvals) == asked
    assert not (sandbox.home / ".codex" / "rules" / "default.rules").exists(), "nothing is allowed for ever"


@pytest.mark.parametrize(("reply", "made", "asked"), [("once", True, 2), ("always", True, 2), ("reject", False, 2)])
async def test_each_answer_about_a_patch(
    sandbox: Sandbox, outside: Path, reply: PermissionReply, made: bool, asked: int
):
    path = outside / "a.txt"
    async with codex(sandbox, replying(reply)) as driver:
        turn = await driver.turn(f"SCN_WRITE {path} one")
        ask = driver.approvals[0]
        assert isinstance(ask, RequestPermission)
        diff = f"--- /dev/null\n+++ {path}\n@@ -0,0 +1,1 @@\n+one\n"
        assert (ask.action, ask.metadata["paths"], ask.metadata["diff"]) == ("apply_patch", [str(path)], diff)
        assert path.exists() is made
        (result,) = items(turn, "tool_result")
        assert result.status == ("completed" if made else "failed")
        assert [part.diff for part in result.content[1:]] == ([diff] if made else [])
        assert outcome(turn) == "completed"
        await driver.turn(f"SCN_WRITE {path} two")
        assert len(driver.approvals) == asked


async def test_what_stays_in_the_sandbox_is_not_asked_about(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        await driver.turn("SCN_BASH touch made")
        await driver.turn(f"SCN_WRITE {sandbox.work}/a.txt one")
        assert driver.approvals == []
    assert (sandbox.work / "made").exists()
    assert (sandbox.work / "a.txt").exists()


async def test_the_sandbox_holds(sandbox: Sandbox, outside: Path):
    async with codex(sandbox) as driver:
        turn = await driver.turn(f"SCN_BASH touch {outside}/made")
        # A command that the sandbox stops at once has no item in codex; only the model hears of it.
        assert "Read-only file system" in text_of(items(turn, "message")[-1].content)
    assert not (outside / "made").exists()


async def test_accept_edits_leaves_it_to_the_session_whether_a_patch_is_inside(sandbox: Sandbox, outside: Path):
    async with codex(sandbox, permission_mode="acceptEdits") as driver:
        await driver.turn(f"SCN_WRITE {outside}/a.txt one")
        await driver.turn(f"SCN_ESCALATE touch {outside}/made")
        assert [ask.accept_inside for ask in driver.approvals if isinstance(ask, RequestPermission)] == [True, False]


async def test_bypass_asks_for_nothing_and_has_no_sandbox(sandbox: Sandbox, outside: Path):
    async with codex(sandbox, permission_mode="bypass") as driver:
        await driver.turn(f"SCN_BASH touch {outside}/made")
        await driver.turn(f"SCN_WRITE {outside}/a.txt one")
        assert driver.approvals == []
    assert (outside / "made").exists()
    assert (outside / "a.txt").exists()


async def test_plan_asks_about_every_command_and_patch(sandbox: Sandbox):
    async with codex(sandbox, replying("reject"), permission_mode="plan") as driver:
        await driver.turn("SCN_BASH touch made")
        await driver.turn(f"SCN_WRITE {sandbox.work}/a.txt one")
        await driver.turn("SCN_BASH ls")
        assert [ask.action for ask in driver.approvals] == ["shell", "apply_patch", "shell"]
    assert list(sandbox.work.iterdir()) == []


@pytest.mark.parametrize("agent_mode", ["build", "plan"])
async def test_questions_are_asked_together_and_answered_with_a_label_or_free_text(sandbox: Sandbox, agent_mode: str):
    async with codex(sandbox, choosing(["a colour of my own"], ["L"]), agent_mode=agent_mode) as driver:
        turn = await driver.turn("SCN_ASK")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestQuestion)
        color, size = ask.data.questions or ()
        assert (ask.data.prompt, ask.data.options) == ("Which color?", ("Red", "Blue"))
        assert (color.header, color.multi_select, color.options[0].description) == ("Color", False, "warm")
        assert size.question == "Which size?"
        heard = text_of(items(turn, "message")[-1].content)
        assert '"color":{"answers":["a colour of my own"]}' in heard
        assert '"size":{"answers":["L"]}' in heard


async def test_rejected_questions_are_answered_with_nothing_and_the_turn_goes_on(sandbox: Sandbox):
    async with codex(sandbox, choosing()) as driver:
        turn = await driver.turn("SCN_ASK")
        assert text_of(items(turn, "message")[-1].content) == 'Tools said: {"answers":{}}'
        assert outcome(turn) == "completed"


async def test_plan_mode_plans_in_every_turn(sandbox: Sandbox):
    async with codex(sandbox, agent_mode="plan") as driver:
        for _ in range(2):
            turn = await driver.turn("SCN_PLAN")
            said = [text_of(item.content) for item in items(turn, "message") if item.role == "assistant"]
            assert sorted(said) == ["# Plan\n1. read\n2. write\n", "Here it is.\n"], "the plan is an item of its own"


@pytest.mark.parametrize(("reply", "ran", "asked"), [("once", True, 2), ("always", True, 2), ("reject", False, 2)])
async def test_each_answer_about_an_mcp_tool(sandbox: Sandbox, reply: PermissionReply, ran: bool, asked: int):
    with_mcp_server(sandbox.home)
    async with codex(sandbox, replying(reply)) as driver:
        turn = await driver.turn("SCN_MCP a word")
        ask = driver.approvals[0]
        assert isinstance(ask, RequestPermission)
        assert (ask.action, ask.metadata["input"]) == ("lab.echo", {"text": "a word"})
        (result,) = items(turn, "tool_result")
        assert result.status == ("completed" if ran else "failed")
        assert ("echo:a word" in result.content[0].output) is ran
        assert outcome(turn) == "completed"
        await driver.turn("SCN_MCP a word")
        assert len(driver.approvals) == asked


@pytest.mark.parametrize(
    ("answers", "heard"),
    [
        ((["blue"], ["No"]), '{"action": "accept", "content": {"color": "blue", "sure": false}}'),
        ((["red"], []), '{"action": "accept", "content": {"color": "red"}}'),
        ((["green"], ["Yes"]), '{"action": "decline"}'),
        ((), '{"action": "decline"}'),
    ],
    ids=["filled in", "an optional field left out", "not among the choices", "rejected"],
)
async def test_a_form_of_an_mcp_server_is_a_question(sandbox: Sandbox, answers: tuple[list[str], ...], heard: str):
    with_mcp_server(sandbox.home)
    async with codex(sandbox, choosing(*answers)) as driver:
        turn = await driver.turn("SCN_FORM")
        ask = driver.approvals[-1]
        assert isinstance(ask, RequestQuestion)
        color, sure = ask.data.questions or ()
        assert (color.question, [option.label for option in color.options]) == ("Which color?", ["red", "blue"])
        assert [option.label for option in sure.options] == ["Yes", "No"]
        assert items(turn, "tool_result")[0].content[0].output == f"chosen:{heard}"


async def test_text_and_numbers_reach_the_mcp_server_as_what_they_are(sandbox: Sandbox):
    with_mcp_server(sandbox.home)
    async with codex(sandbox, choosing(["36"], ["ada@example.com"], ["Ada"], [])) as driver:
        turn = await driver.turn("SCN_FORM typed")
        ask = driver.approvals[-1]
        assert isinstance(ask, RequestQuestion)
        assert (ask.data.prompt, ask.data.elicitation) == ("Please choose\n\nage", Elicitation("lab", "Please choose"))
        kinds = {part.name: part.kind for part in ask.data.questions or ()}
        assert list(kinds.items()) == [("age", "integer"), ("mail", "text"), ("name", "text"), ("share", "number")]
        content = '{"age": 36, "mail": "ada@example.com", "name": "Ada", "share": 0.5}'
        heard = items(turn, "tool_result")[0].content[0].output
        assert heard == f'chosen:{{"action": "accept", "content": {content}}}'


@pytest.mark.parametrize(
    ("answers", "action"), [((["Accept"],), "accept"), ((["Decline"],), "decline"), ((), "decline")]
)
async def test_an_address_to_open_is_a_question(sandbox: Sandbox, answers: tuple[list[str], ...], action: str):
    with_mcp_server(sandbox.home)
    async with codex(sandbox, choosing(*answers)) as driver:
        turn = await driver.turn("SCN_FORM url")
        ask = driver.approvals[-1]
        assert isinstance(ask, RequestQuestion)
        (part,) = ask.data.questions or ()
        assert (part.kind, part.url, part.question) == ("url", "https://example.com/consent", "Please choose")
        assert f'"action": "{action}"' in items(turn, "tool_result")[0].content[0].output


@pytest.mark.parametrize("resumed", [False, True])
async def test_bypass_answers_no_form_in_the_humans_place(sandbox: Sandbox, resumed: bool):
    with_mcp_server(sandbox.home)
    resume = None
    if resumed:
        async with codex(sandbox, permission_mode="bypass") as driver:
            await driver.turn("SCN_HELLO")
            assert driver.native is not None
            resume = driver.native.native_session_id
    async with codex(sandbox, choosing(["red"], ["Yes"]), permission_mode="bypass", resume=resume) as driver:
        turn = await driver.turn("SCN_FORM")
        (ask,) = driver.approvals
        assert isinstance(ask, RequestQuestion)
        assert '"content": {"color": "red", "sure": true}' in items(turn, "tool_result")[0].content[0].output
        # An address to open codex declines by itself here, and there is no way to be asked.
        turn = await driver.turn("SCN_FORM url")
        assert items(turn, "tool_result")[0].content[0].output == 'chosen:{"action": "decline"}'
        assert len(driver.approvals) == 1


async def test_a_form_with_a_secret_is_refused_by_codex_itself(sandbox: Sandbox):
    """MCP knows no secrets. The server hears why, and nobody is asked."""
    with_mcp_server(sandbox.home)
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_FORM secret")
        assert [type(ask) for ask in driver.approvals] == [RequestPermission], "only the tool itself is asked about"
        assert '"code": -32602' in items(turn, "tool_result")[0].content[0].output
        assert outcome(turn) == "completed"


@pytest.mark.parametrize("prompt", ["SCN_ESCALATE touch {outside}/made", "SCN_WRITE {outside}/made one", "SCN_ASK"])
async def test_an_interrupt_withdraws_what_is_asked(sandbox: Sandbox, outside: Path, prompt: str):
    async with codex(sandbox, leave_open) as driver:
        await driver.prompt(prompt.format(outside=outside))
        await driver.until(lambda: driver.approvals)
        (ask,) = driver.approvals
        await driver.perform(driver.dialect.interrupt())
        await driver.wait_for("turn.ended")
        assert outcome(driver.events) == "interrupted"
        assert driver.withdrawn == [ask.permission_id if isinstance(ask, RequestPermission) else ask.data.question_id]
        await driver.perform(allow(driver.dialect, ask))  # too late, and no harm
        assert outcome((await driver.turn("SCN_HELLO"))[-1:]) == "completed", "the session goes on"
        assert [event for event in driver.events if event.type == "agent.unparsed"] == []
    assert not (outside / "made").exists()
