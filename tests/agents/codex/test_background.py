"""What the real Codex does in the background, through a really started daemon."""

import pytest

from ..claude.test_background import interrupt_ends, labels, outside_turns, over
from ..daemon import RunningDaemon, Session, allow, items, leave_open, of_type, outcome, parts, running_daemon
from ..sandbox import Sandbox
from .home import SPAWNING_MODEL

pytestmark = pytest.mark.agents

LEFT = "echo early; touch inner; until [ -e go ]; do sleep 0.05; done; echo late; exit 3"


def printed(session: Session) -> list[str]:
    """What the command of each result had printed by then."""
    return [result["content"][0]["output"] for result in items(session.events, "tool_result")]


async def test_a_command_that_outlives_its_turn_keeps_the_session_at_work_and_its_end_is_told(sandbox: Sandbox):
    async with running_daemon(sandbox, "--suspend-after", "0.5") as daemon:
        session = await daemon.session(sandbox, agent="codex")
        await session.turn(f"SCN_LEAVE '{LEFT}'")
        await sandbox.made("inner")
        info = await session.info()
        assert info["status"] == "running"
        assert [(task["kind"], task["description"]) for task in info["background"]] == [("commandExecution", LEFT)]
        # A prompt is not kept waiting, and ends nothing.
        assert outcome(await session.turn("SCN_HELLO")) == "completed"
        assert (await session.info())["status"] == "running"
        (sandbox.work / "go").touch()
        await over(session)
        await session.until(lambda: "agent.suspended" in labels(session))
        info = await session.info()
        assert (info["status"], "background" in info) == ("suspended", False)
        told = labels(session)
        assert told.index("background.started") < told.index("background.ended") < told.index("agent.suspended")
        (call,), results = items(session.events, "tool_call"), items(session.events, "tool_result")
        assert (printed(session)[-1], results[-1]["content"][1]["json"]["exit_code"]) == ("early\nlate\n", 3)
        assert {result["parent_id"] for result in results} == {call["item_id"]}
        assert of_type(session.events, "turn.started")[-1]["data"]["metadata"] == {"origin": "agent"}
        assert outside_turns(session.events) == []
        assert of_type(session.events, "agent.unparsed") == []


async def test_what_such_a_command_prints_is_told_as_it_comes_also_in_a_later_turn(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, agent="codex")
    command = "for n in 1 2 3; do until [ -e go$n ]; do sleep 0.05; done; echo part$n; done"
    await session.turn(f"SCN_LEAVE '{command}'")

    async def prints(number: int) -> None:
        (sandbox.work / f"go{number}").touch()
        await session.until(
            lambda: f"part{number}\n" in [e["data"]["delta"] for e in of_type(session.events, "item.delta")]
        )

    await prints(1)
    # The turn of the agent's own gives way to a prompt.
    await session.send("SCN_BASH 'until [ -e end ]; do sleep 0.05; done'")
    await session.until(lambda: len(items(session.events, "tool_call")) == 2)
    await prints(2)
    (sandbox.work / "end").touch()
    await session.until(lambda: len(of_type(session.events, "turn.ended")) == 3)
    assert (await session.info())["status"] == "running"
    (sandbox.work / "go3").touch()
    await over(session)
    assert printed(session) == ["", "part1\n", "", "part1\npart2\n", "part1\npart2\npart3\n"]
    turns = of_type(session.events, "turn.started")
    assert [turn["data"].get("metadata") for turn in turns] == [None, {"origin": "agent"}, None, {"origin": "agent"}]
    assert outside_turns(session.events) == []
    assert of_type(session.events, "agent.unparsed") == []


async def test_a_sub_agent_that_outlives_its_turn_keeps_the_session_at_work_and_its_items_have_a_turn(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, agent="codex", model=SPAWNING_MODEL)
    helper = "touch inner; until [ -e go ]; do sleep 0.05; done; echo from-the-helper"
    await session.turn(f"SCN_SUBAGENT SCN_BASH '{helper}'")
    await sandbox.made("inner")
    info = await session.info()
    assert info["status"] == "running"
    assert [(task["kind"], task["description"]) for task in info["background"]] == [("subAgent", f"SCN_BASH {helper}")]
    (sandbox.work / "go").touch()
    await over(session)
    assert (await session.info())["status"] == "idle"
    started = of_type(session.events, "turn.started")
    assert [turn["data"].get("metadata") for turn in started] == [None, {"origin": "agent"}]
    assert outside_turns(session.events) == []
    words = [part["text"] for part in parts(session.events, "text")]
    assert "Let me use exec_command. " in words, "also what the end of the turn has cut in two"
    assert [text for text in words if text.startswith("Tools said: ") and "from-the-helper" in text]
    assert of_type(session.events, "agent.unparsed") == []


async def test_an_ask_of_a_sub_agent_in_the_background_has_a_turn_and_the_session_waits(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, leave_open, agent="codex", model=SPAWNING_MODEL)
    await session.turn("SCN_SUBAGENT SCN_ESCALATE touch asked")
    asked = await session.wait_for("permission.requested")
    assert (await session.info())["status"] == "waiting"
    await allow(session, asked)
    await over(session)
    assert outside_turns(session.events) == []
    assert (sandbox.work / "asked").exists()


@pytest.mark.parametrize("prompt", ["SCN_LEAVE", "SCN_SUBAGENT SCN_BASH", "SCN_SUBAGENT SCN_LEAVE"])
async def test_an_interrupt_between_turns_ends_commands_and_sub_agents_in_the_background(
    daemon: RunningDaemon, sandbox: Sandbox, prompt: str
):
    session = await daemon.session(sandbox, agent="codex", model=SPAWNING_MODEL)
    await interrupt_ends(daemon, sandbox, session, prompt)
    assert outside_turns(session.events) == []


async def test_an_interrupt_of_a_turn_ends_what_an_earlier_one_has_left(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    await session.turn("SCN_LEAVE 'touch inner; exec sleep 300'")
    await daemon.runs("sleep")
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", len(of_type(session.events, "item.delta")) + 3)
    await session.post("/interrupt")
    await over(session)
    await daemon.runs_no_more("sleep")
    await session.until(lambda: len(of_type(session.events, "turn.ended")) == 2)
    assert of_type(session.events, "turn.ended")[-1]["data"]["metadata"]["outcome"] == "interrupted"
    assert (await session.info())["status"] == "idle"
    assert len(of_type(session.events, "turn.started")) == 2
    assert of_type(session.events, "agent.unparsed") == []
