"""How turns, processes and sessions of the real OpenCode end, through a really started daemon."""

import psutil
import pytest
import trio

from ...models.server import ModelServer
from ..daemon import RunningDaemon, alive, items, last_words, leave_open, of_type, outcome, parts, running_daemon
from ..sandbox import Sandbox
from .test_daemon import check_history

pytestmark = pytest.mark.agents


def server_of(daemon: RunningDaemon) -> psutil.Process:
    (server,) = daemon.named("opencode")
    return server


async def test_interrupts_in_a_stream_and_in_a_tool_and_errors_of_the_model(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="opencode")
    start = len(session.events)
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", 5)
    await session.post("/interrupt")
    await session.wait_for("turn.ended")
    assert outcome(session.events[start:]) == "interrupted"
    assert last_words(session.events).startswith("word0 word1")

    start = len(session.events)
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended", 2)
    assert outcome(session.events[start:]) == "interrupted"
    assert items(session.events, "tool_result")[-1]["status"] == "failed"
    assert of_type(session.events, "error") == []
    assert (await session.post("/interrupt")).json()["interrupted"] is False

    for number, status in enumerate((400, 401), 3):
        turn = await session.turn(f"SCN_{status}")
        (error,) = of_type(turn, "error")
        assert (error["data"]["code"], error["data"]["details"]["status"]) == ("api_error", status)
        assert outcome(turn) == "failed"
        assert of_type(turn, "turn.ended")[0]["data"]["turn_id"] == f"turn_{number}"

    start = len(session.events)
    await session.send("SCN_500")  # retried for minutes
    await session.until(lambda: "api_retry" in {part["label"] for part in parts(session.events, "status")})
    await session.post("/interrupt")
    await session.wait_for("turn.ended", 5)
    assert outcome(session.events[start:]) == "interrupted"
    assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
    check_history(session)


async def test_an_interrupt_before_the_first_prompt_is_taken_up(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="opencode")
    await session.send("SCN_SLOW")
    await session.wait_for("turn.started")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_kill_9_in_mid_turn_then_resume_then_terminate(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox, agent="opencode")
    await session.turn("SCN_HELLO remembered")
    native = (await session.info())["nativeSessionId"]
    start = len(session.events)
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    server_of(daemon).kill()
    await session.wait_for("turn.ended", 2)
    killed = session.events[start:]
    assert outcome(killed) == "failed"
    assert [error["data"]["code"] for error in of_type(killed, "error")] == ["process_exit"]

    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    assert "Hello from the model. remembered" in str(models.asked()[-1]["messages"])
    assert (await session.info())["nativeSessionId"] == native
    assert "agent.restarted" in {part["label"] for part in parts(turn, "status")}

    await session.send("SCN_BASH 'sleep 301; touch made'")
    await daemon.runs("sleep")
    running = daemon.descendants()
    assert (await session.post("/terminate")).status_code == 204
    assert alive(running) == []
    assert (await session.wait_for("session.ended"))["data"]["reason"] == "terminated"
    check_history(session)


async def test_a_conversation_that_is_lost_is_a_clear_error_and_a_fresh_one_goes_on(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, agent="opencode")
    await session.turn("SCN_HELLO")
    native = (await session.info())["nativeSessionId"]
    server_of(daemon).kill()
    await session.wait_for("error")
    for file in (sandbox.home / ".local" / "share" / "opencode").glob("opencode.db*"):
        file.unlink()
    fresh = await session.turn("SCN_HELLO again")
    told = {error["data"]["code"]: error["data"]["message"] for error in of_type(session.events, "error")}
    assert told["resume_failed"] == f"Session not found: {native}"
    assert last_words(fresh) == "Hello from the model. again"
    assert [part["detail"] for part in parts(fresh, "status") if part["label"] == "agent.restarted"] == [
        "started afresh: its conversation is gone"
    ]
    assert (await session.info())["nativeSessionId"] != native
    check_history(session)


async def test_a_stream_that_breaks_again_and_again_loses_and_repeats_nothing(sandbox: Sandbox):
    """Opencode's heartbeat comes every ten seconds: with less patience than that, each silence is taken for a break."""
    sandbox.environment["SANDBOX_AGENT_STREAM_SILENCE"] = "0.3"
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, leave_open, agent="opencode")
        await session.send("SCN_BASH 'sleep 2; echo slept'")
        request = await session.wait_for("permission.requested")
        await trio.sleep(1)  # pending over several breaks, which nothing tells us of
        await session.post(f"/permissions/{request['data']['permission_id']}/reply", reply="once")
        await session.wait_for("turn.ended")
        assert len(of_type(session.events, "permission.requested")) == 1
        # Whether the text before a call ends before or after it depends on where the stream broke.
        kinds = [item["kind"] for item in items(session.events) if item["kind"] != "status"]
        assert sorted(kinds) == ["message", "message", "message", "tool_call", "tool_result"]
        assert kinds.index("tool_call") < kinds.index("tool_result")
        assert items(session.events, "tool_result")[0]["content"][0]["output"] == "slept\n"
        assert last_words(session.events) == "Tools said: slept\n"
        assert outcome(session.events) == "completed"
        usage = of_type(session.events, "turn.ended")[0]["data"]["metadata"]["usage"]
        assert usage["input_tokens"] == 200
        assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
        check_history(session)
