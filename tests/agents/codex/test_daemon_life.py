"""How turns, processes and sessions of the real Codex end, through a really started daemon."""

import psutil
import pytest

from ...models.server import ModelServer
from ..daemon import RunningDaemon, alive, items, last_words, leave_open, of_type, outcome, parts
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


def codex_of(daemon: RunningDaemon) -> psutil.Process:
    (process,) = daemon.named("codex")
    return process


async def test_an_interrupt_in_mid_stream(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", 5)
    await session.post("/interrupt")
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert last_words(session.events).startswith("word0 word1")
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_in_mid_tool(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert "sleep" not in [process.name() for process in daemon.descendants()]
    assert (await session.post("/interrupt")).json()["interrupted"] is False


async def test_kill_9_in_mid_turn_closes_the_turn_and_the_next_prompt_resumes(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox, agent="codex")
    await session.turn("SCN_HELLO remembered")
    native = (await session.info())["nativeSessionId"]
    await session.send("SCN_SLOW")
    await session.wait_for("item.delta", 20)
    codex_of(daemon).kill()
    await session.wait_for("turn.ended", 2)
    killed = session.events[session.events.index(of_type(session.events, "turn.started")[1]) :]
    assert outcome(killed) == "failed"
    assert [error["data"]["code"] for error in of_type(killed, "error")] == ["process_exit"]
    opened = [event["data"]["item"]["item_id"] for event in of_type(session.events, "item.started")]
    assert sorted(opened) == sorted(item["item_id"] for item in items(session.events))

    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    assert "Hello from the model. remembered" in str(models.asked()[-1]["input"])
    assert (await session.info())["nativeSessionId"] == native
    assert "agent.restarted" in {part["label"] for part in parts(turn, "status")}
    assert of_type(session.events, "agent.unparsed") == []


async def test_kill_9_before_the_first_prompt_starts_afresh(daemon: RunningDaemon, sandbox: Sandbox):
    """Codex has written nothing down yet: there is nothing to resume, and no error to tell of."""
    session = await daemon.session(sandbox, agent="codex")
    codex = codex_of(daemon)
    await session.until(lambda: session.events)
    codex.kill()
    await session.wait_for("error")
    turn = await session.turn("SCN_HELLO")
    assert last_words(turn) == "Hello from the model."
    assert [error["data"]["code"] for error in of_type(session.events, "error")] == ["process_exit"]


async def test_kill_9_while_it_asks_resolves_the_ask_as_rejected(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, leave_open, agent="codex")
    await session.send("SCN_ASK")
    await session.wait_for("question.requested")
    codex_of(daemon).kill()
    await session.wait_for("turn.ended")
    assert of_type(session.events, "question.resolved")[0]["data"]["status"] == "rejected"
    assert outcome(session.events) == "failed"
    # Codex counts its requests from 0 again: the next question must be another one.
    await session.send("SCN_ASK")
    await session.wait_for("question.requested", 2)
    first, second = of_type(session.events, "question.requested")
    assert first["data"]["question_id"] != second["data"]["question_id"]


async def test_a_conversation_that_is_lost_is_a_clear_error_and_the_prompt_gets_its_answer(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, agent="codex")
    await session.turn("SCN_HELLO")
    codex_of(daemon).kill()
    await session.wait_for("error")
    (rollout,) = (sandbox.home / ".codex" / "sessions").rglob("rollout-*.jsonl")
    rollout.unlink()
    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    told = {error["data"]["code"]: error["data"]["message"] for error in of_type(session.events, "error")}
    assert told["resume_failed"].startswith("no rollout found for thread id ")
    assert [part["detail"] for part in parts(turn, "status") if part["label"] == "agent.restarted"] == [
        "started afresh: its conversation is gone"
    ]


@pytest.mark.parametrize("prompt", ["SCN_BASH 'sleep 300; touch made'", "SCN_BASH 'setsid sleep 300'"])
async def test_terminate_ends_the_agent_and_what_it_runs(daemon: RunningDaemon, sandbox: Sandbox, prompt: str):
    session = await daemon.session(sandbox, agent="codex")
    await session.send(prompt)
    await daemon.runs("sleep")
    running = daemon.descendants()
    assert (await session.post("/terminate")).status_code == 204
    assert alive(running) == []
    ended = await session.wait_for("session.ended")
    assert ended["data"]["reason"] == "terminated"


async def test_two_sessions_do_not_disturb_each_other(daemon: RunningDaemon, sandbox: Sandbox):
    first = await daemon.session(sandbox, agent="codex")
    second = await daemon.session(sandbox, agent="codex")
    await first.send("SCN_SLOW")
    await first.wait_for("item.delta", 3)
    assert last_words(await second.turn("SCN_HELLO")) == "Hello from the model."
    await second.post("/terminate")
    await first.post("/interrupt")
    await first.wait_for("turn.ended")
    assert outcome(first.events) == "interrupted"
