"""How turns, processes and sessions of the real Claude Code end, through a really started daemon."""

import os

import pytest

from ...models.server import ModelServer
from ..daemon import RunningDaemon, alive, items, last_words, leave_open, of_type, outcome, parts, running_daemon
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


async def test_an_interrupt_in_mid_stream(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", 5)
    await session.post("/interrupt")
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert last_words(session.events).startswith("word0 word1")
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_in_mid_tool(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert (await session.post("/interrupt")).json()["interrupted"] is False


async def test_kill_9_in_mid_turn_closes_the_turn_and_the_next_prompt_resumes(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox)
    await session.turn("SCN_HELLO remembered")
    native = (await session.info())["nativeSessionId"]
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", 20)
    (agent,) = daemon.agents()
    agent.kill()
    await session.wait_for("turn.ended", 2)
    killed = session.events[session.events.index(of_type(session.events, "turn.started")[1]) :]
    assert outcome(killed) == "failed"
    assert [error["data"]["code"] for error in of_type(killed, "error")] == ["process_exit"]
    opened = [event["data"]["item"]["item_id"] for event in of_type(session.events, "item.started")]
    assert sorted(opened) == sorted(item["item_id"] for item in items(session.events))

    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    assert "Hello from the model. remembered" in str(models.asked()[-1]["messages"])
    assert (await session.info())["nativeSessionId"] == native
    assert "agent.restarted" in {part["label"] for part in parts(turn, "status")}


async def test_kill_9_while_it_asks_resolves_the_ask_as_rejected(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, leave_open)
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    (agent,) = daemon.agents()
    agent.kill()
    await session.wait_for("turn.ended")
    assert of_type(session.events, "permission.resolved")[0]["data"]["status"] == "reject"
    assert outcome(session.events) == "failed"


async def test_a_conversation_that_is_lost_is_a_clear_error_and_the_prompt_gets_its_answer(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox)
    await session.turn("SCN_HELLO")
    (agent,) = daemon.agents()
    agent.kill()
    await session.wait_for("error")
    # Claude may not have written it yet: it does so some 100 ms after it has answered.
    for transcript in (sandbox.home / ".claude" / "projects").glob("*/*.jsonl"):
        transcript.unlink()
    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    told = {error["data"]["code"]: error["data"]["message"] for error in of_type(session.events, "error")}
    assert sorted(told) == ["process_exit", "resume_failed"]
    assert told["resume_failed"].startswith("No conversation found with session ID: ")
    assert [part["detail"] for part in parts(turn, "status") if part["label"] == "agent.restarted"] == [
        "started afresh: its conversation is gone"
    ]


async def test_terminate_ends_the_agent_and_what_it_runs(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    # Claude runs no command that begins with a long sleep.
    await session.send("SCN_BASH 'touch running; sleep 300; touch made'")
    await daemon.runs("sleep")
    running = daemon.descendants()
    assert (await session.post("/terminate")).status_code == 204
    assert alive(running) == []
    ended = await session.wait_for("session.ended")
    assert ended["data"]["reason"] == "terminated"
    refused = await daemon.http.post(f"{session.url}/messages", json={"message": "SCN_HELLO"})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")


async def test_bypass_as_root_is_refused_with_the_reason(daemon: RunningDaemon, sandbox: Sandbox):
    response = await daemon.create(directory=str(sandbox.work), permissionMode="bypass")
    if os.geteuid() == 0:
        assert response.status_code == 400
        assert "not supported when running as root" in response.json()["detail"]
    else:
        assert response.status_code == 200


async def test_bypass_asks_for_nothing_where_a_sandbox_is_vouched_for(sandbox: Sandbox):
    sandbox.environment["IS_SANDBOX"] = "1"
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, permissionMode="bypass")
        await session.turn("SCN_BASH touch made")
        assert of_type(session.events, "permission.requested") == []
    assert (sandbox.work / "made").exists()


async def test_two_sessions_do_not_disturb_each_other(daemon: RunningDaemon, sandbox: Sandbox):
    first = await daemon.session(sandbox)
    second = await daemon.session(sandbox)
    await first.send("SCN_SLOW")
    await first.wait_for("item.delta", 3)
    assert last_words(await second.turn("SCN_HELLO")) == "Hello from the model."
    await second.post("/terminate")
    await first.post("/interrupt")
    await first.wait_for("turn.ended")
    assert outcome(first.events) == "interrupted"
