"""What the real Claude Code does in the background, through a really started daemon."""

import pytest

from ..daemon import Event, RunningDaemon, Session, allow, items, leave_open, of_type, outcome, parts, running_daemon
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


def labels(session: Session) -> list[str]:
    return [part["label"] for part in parts(session.events, "status")]


async def over(session: Session) -> None:
    await session.until(lambda: "background.ended" in labels(session))


async def interrupt_ends(daemon: RunningDaemon, sandbox: Sandbox, session: Session, prompt: str) -> None:
    """What goes on between turns, and nothing else. ``prompt`` takes the command that is left running."""
    await session.turn(f"{prompt} 'touch inner; exec sleep 300'")
    await sandbox.made("inner")
    await daemon.runs("sleep")
    assert (await session.info())["status"] == "running"
    found = (await session.post("/interrupt")).json()
    assert (found["interrupted"], found["found"] in ("background", "running")) == (True, True)
    await over(session)
    assert (await session.info())["status"] == "idle"
    await daemon.runs_no_more("sleep")
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert of_type(session.events, "agent.unparsed") == []


async def test_a_sub_agent_in_the_background_keeps_the_session_at_work_and_its_items_have_a_turn(sandbox: Sandbox):
    """By default claude does not wait for its sub-agents."""
    helper = "touch inner; until [ -e go ]; do sleep 0.05; done; echo from-the-helper"
    async with running_daemon(sandbox, "--suspend-after", "0.5") as daemon:
        session = await daemon.session(sandbox)
        await session.turn(f"SCN_HELPER SCN_BASH '{helper}'")
        await sandbox.made("inner")
        info = await session.info()
        assert info["status"] == "running"
        assert [(task["kind"], task["description"]) for task in info["background"]] == [("local_agent", "a helper")]
        # A prompt is not kept waiting.
        assert outcome(await session.turn("SCN_HELLO")) == "completed"
        assert (await session.info())["status"] == "running"
        (sandbox.work / "go").touch()
        await over(session)
        await session.until(lambda: "agent.suspended" in labels(session))
        info = await session.info()
        assert (info["status"], "background" in info) == ("suspended", False)
        told = labels(session)
        assert told.index("background.started") < told.index("background.ended") < told.index("agent.suspended")
        assert outside_turns(session.events) == []
        (result,) = [
            item for item in items(session.events, "tool_result") if "from-the-helper" in str(item["content"])
        ][:1]
        started = of_type(session.events, "turn.started")
        assert started[0]["data"].get("metadata") is None
        assert started[-1]["data"]["metadata"] == {"origin": "agent"}
        assert result["parent_id"] is not None
        assert of_type(session.events, "agent.unparsed") == []


def outside_turns(events: list[Event]) -> list[str]:
    """The kinds of items that no turn holds, and asks; what claude says of itself needs none."""
    found: list[str] = []
    turn = False
    for event in events:
        if event["type"] in ("turn.started", "turn.ended"):
            turn = event["type"] == "turn.started"
        elif not turn and event["type"] == "item.started" and event["data"]["item"]["kind"] != "status":
            found.append(event["data"]["item"]["kind"])
        elif not turn and event["type"] == "permission.requested":
            found.append("permission")
    return found


async def test_an_ask_of_a_sub_agent_in_the_background_has_a_turn_and_the_session_waits(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, leave_open)
    await session.turn("SCN_HELPER SCN_BASH touch asked")
    asked = await session.wait_for("permission.requested")
    assert (await session.info())["status"] == "waiting"
    assert outside_turns(session.events) == []
    await allow(session, asked)
    await over(session)
    assert (sandbox.work / "asked").exists()


@pytest.mark.parametrize("prompt", ["SCN_LEAVE", "SCN_HELPER SCN_BASH"])
async def test_an_interrupt_between_turns_ends_commands_and_sub_agents_in_the_background(
    daemon: RunningDaemon, sandbox: Sandbox, prompt: str
):
    await interrupt_ends(daemon, sandbox, await daemon.session(sandbox), prompt)
