"""What the real Amp asks through its hook, and every answer, through a really started daemon."""

import json
from pathlib import Path
from typing import Any

import pytest

from ...models.amp import AmpServer
from ..daemon import (
    Answer,
    Event,
    RunningDaemon,
    Session,
    allow_commands,
    deciders,
    items,
    last_words,
    leave_open,
    of_type,
    outcome,
)
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


def replying(reply: str) -> Answer:
    """Once: after an "always" the broker answers."""

    async def answer(session: Session, event: Event) -> None:
        if reply == "always" and len(of_type(session.events, "permission.requested")) > 1:
            return
        await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply=reply)

    return answer


def users_settings(sandbox: Sandbox, **settings: Any) -> None:
    folder = Path(sandbox.home, ".config", "amp")
    folder.mkdir(parents=True)
    named = {f"amp.{name}": value for name, value in settings.items()}
    (folder / "settings.json").write_text("// the user's own\n" + json.dumps(named))


@pytest.mark.parametrize(
    ("reply", "status", "made", "cause"),
    [("once", "accept", True, None), ("always", "accept_for_session", True, "rule"), ("reject", "reject", False, None)],
)
async def test_each_answer_to_a_permission(
    amp_daemon: RunningDaemon, sandbox: Sandbox, reply: str, status: str, made: bool, cause: str | None
):
    session = await amp_daemon.session(sandbox, replying(reply), agent="amp")
    turn = await session.turn("SCN_BASH touch made")
    (request,) = of_type(turn, "permission.requested")
    assert request["data"]["action"] == "shell_command"
    metadata = request["data"]["metadata"]
    assert (metadata["toolName"], metadata["input"]) == ("shell_command", {"command": "touch made"})
    assert metadata["threadId"] == (await session.info())["nativeSessionId"]
    assert metadata["toolUseId"] == items(turn, "tool_call")[0]["native_item_id"]
    (resolved,) = of_type(turn, "permission.resolved")
    assert resolved["data"]["status"] == status
    assert resolved["data"]["permission_id"] == request["data"]["permission_id"]
    assert (sandbox.work / "made").exists() is made
    assert items(turn, "tool_result")[0]["status"] == ("completed" if made else "failed")
    assert ("The user does not allow this." in last_words(turn)) is not made, "the model hears why"
    assert outcome(turn) == "completed"
    again = await session.turn("SCN_BASH touch made")
    (resolved,) = of_type(again, "permission.resolved")
    assert (resolved["data"]["status"], resolved["data"]["metadata"].get("cause")) == (status, cause)


async def test_a_session_waits_while_it_asks_and_what_is_pending_is_listed(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, leave_open, agent="amp")
    await session.send("SCN_BASH touch made")
    request = await session.wait_for("permission.requested")
    (pending,) = (await amp_daemon.http.get("/v1/permissions")).json()["permissions"]
    assert pending["permission"]["permission_id"] == request["data"]["permission_id"]
    assert (await session.info())["status"] == "waiting"
    assert not (sandbox.work / "made").exists()
    await replying("once")(session, request)
    await session.wait_for("turn.ended")
    assert (sandbox.work / "made").exists()


async def test_looking_needs_no_leave_and_editing_does(amp_daemon: RunningDaemon, sandbox: Sandbox):
    (sandbox.work / "a.txt").write_text("hello\n")
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.turn(f"SCN_READ {sandbox.work}/a.txt")
    assert of_type(session.events, "permission.requested") == []
    await session.turn(f"SCN_WRITE {sandbox.work}/b.txt text")
    assert [event["data"]["action"] for event in of_type(session.events, "permission.requested")] == ["create_file"]


async def test_accept_edits_asks_for_commands_only(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, allow_commands, agent="amp", permissionMode="acceptEdits")
    await session.turn(f"SCN_WRITE {sandbox.work}/b.txt text")
    assert deciders(session.events) == ["mode"]
    await session.turn("SCN_BASH touch made")
    assert deciders(session.events) == ["mode", "token"]


async def test_bypass_asks_for_nothing(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp", permissionMode="bypass")
    await session.turn("SCN_BASH touch made")
    assert of_type(session.events, "permission.requested") == []
    assert (sandbox.work / "made").exists()


async def test_the_users_own_rules_come_first(amp_daemon: RunningDaemon, sandbox: Sandbox):
    rules = [
        {"tool": "Bash", "matches": {"cmd": "*forbidden*"}, "action": "reject", "message": "by the user's rule"},
        {"tool": "Bash", "matches": {"cmd": "*allowed*"}, "action": "allow"},
        {"tool": "Bash", "matches": {"cmd": "*asked*"}, "action": "ask"},
        {"tool": "Bash", "action": "allow"},
    ]
    users_settings(sandbox, permissions=rules, dangerouslyAllowAll=True)
    session = await amp_daemon.session(sandbox, agent="amp")
    assert "by the user's rule" in last_words(await session.turn("SCN_BASH touch forbidden"))
    await session.turn("SCN_BASH touch allowed")
    assert of_type(session.events, "permission.requested") == []
    await session.turn("SCN_BASH touch asked")
    assert len(of_type(session.events, "permission.requested")) == 1
    assert {path.name for path in sandbox.work.iterdir()} == {"allowed", "asked"}


async def test_settings_that_cannot_be_read_are_refused_and_not_left_out(amp_daemon: RunningDaemon, sandbox: Sandbox):
    users_settings(sandbox)
    Path(sandbox.home, ".config", "amp", "settings.json").write_text('{"amp.permissions": [')
    response = await amp_daemon.create(agent="amp", directory=str(sandbox.work))
    assert response.status_code == 400
    assert "settings.json cannot be read" in response.json()["detail"]


async def test_an_interrupt_withdraws_what_is_asked(amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer):
    session = await amp_daemon.session(sandbox, leave_open, agent="amp")
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "permission.resolved")[0]["data"]["status"] == "reject"
    assert of_type(session.events, "error") == []
    assert (await amp_daemon.http.get("/v1/permissions")).json()["permissions"] == []
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert not (sandbox.work / "made").exists()


async def test_a_hook_that_is_killed_withdraws_its_ask_and_refuses(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, leave_open, agent="amp")
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    (hook,) = [p for p in amp_daemon.descendants() if "amp_hook.py" in " ".join(p.cmdline())]
    hook.kill()
    await session.wait_for("permission.resolved")
    await session.wait_for("turn.ended")
    assert not (sandbox.work / "made").exists()


async def test_nothing_private_is_left_and_none_of_it_is_for_others(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, leave_open, agent="amp")
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    # In namespaces, those of all agents lie in one that is hidden.
    (hook,) = (path for path in Path(sandbox.environment["TMPDIR"]).glob("sandbox-agent-*/**/hook") if path.is_socket())
    private = hook.parent
    modes = {path.name: path.stat().st_mode & 0o777 for path in (private, *private.iterdir()) if path != hook}
    assert modes == {private.name: 0o700, "settings.json": 0o600, "ask": 0o700, "view.js": 0o600, "view.ran": 0o600}
    await session.post("/terminate")
    assert not private.exists()
