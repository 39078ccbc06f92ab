"""How turns, processes and sessions of the real Amp end, through a really started daemon."""

import json
from pathlib import Path

import psutil
import pytest

from ...models.amp import AmpServer
from ..daemon import RunningDaemon, alive, items, last_words, leave_open, of_type, outcome, parts, running_daemon
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


def agents(daemon: RunningDaemon) -> list[psutil.Process]:
    return daemon.named("amp")


async def test_an_interrupt_in_mid_tool_and_its_processes_are_gone(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    running = amp_daemon.descendants()
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    await session.send("SCN_HELLO")  # waits while the process that was interrupted goes
    await session.wait_for("turn.ended", 2)
    assert alive(running) == []
    outcomes = [event["data"]["metadata"]["outcome"] for event in of_type(session.events, "turn.ended")]
    assert outcomes == ["interrupted", "completed"]
    assert of_type(session.events, "error") == []
    assert of_type(session.events, "agent.unparsed") == []
    assert len(amps.threads) == 1
    assert (await session.post("/interrupt")).json()["interrupted"] is False


async def test_an_interrupt_of_a_silent_model(amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.turn("SCN_HELLO")
    await session.send("SCN_SILENT")
    await session.wait_for("turn.started", 2)
    await session.post("/interrupt")
    await session.wait_for("turn.ended", 2)
    assert of_type(session.events, "turn.ended")[1]["data"]["metadata"]["outcome"] == "interrupted"
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert len(amps.threads) == 1


async def test_an_interrupt_before_amp_has_begun_is_no_crash(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.send("SCN_HELLO")
    await session.post("/interrupt")
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert of_type(session.events, "error") == []
    assert (await session.info())["status"] == "suspended"
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_kill_9_in_mid_turn_closes_the_turn_and_the_next_prompt_resumes(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.turn("SCN_HELLO remembered")
    native = (await session.info())["nativeSessionId"]
    await session.send("SCN_BASH 'touch running; sleep 300'")
    await sandbox.made("running")
    running = amp_daemon.descendants()
    (agent,) = agents(amp_daemon)
    agent.kill()
    await session.wait_for("turn.ended", 2)
    killed = session.events[session.events.index(of_type(session.events, "turn.started")[1]) :]
    assert outcome(killed) == "failed"
    assert [error["data"]["code"] for error in of_type(killed, "error")] == ["process_exit"]
    assert alive(running) == []
    opened = [event["data"]["item"]["item_id"] for event in of_type(session.events, "item.started")]
    assert sorted(opened) == sorted(item["item_id"] for item in items(session.events))

    turn = await session.turn("SCN_HELLO again")
    assert last_words(turn) == "Hello from the model. again"
    assert "Hello from the model. remembered" in str(amps.thread.messages)
    assert (await session.info())["nativeSessionId"] == native == amps.thread.id
    assert "agent.restarted" in {part["label"] for part in parts(turn, "status")}


async def test_kill_9_while_it_asks_resolves_the_ask_as_rejected(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, leave_open, agent="amp")
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    (agent,) = agents(amp_daemon)
    agent.kill()
    await session.wait_for("turn.ended")
    assert of_type(session.events, "permission.resolved")[0]["data"]["status"] == "reject"
    assert outcome(session.events) == "failed"
    assert not (sandbox.work / "made").exists()


async def test_a_thread_that_is_lost_is_a_clear_error(amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.turn("SCN_HELLO")
    (agent,) = agents(amp_daemon)
    agent.kill()
    await session.wait_for("error")
    amps.threads.clear()
    lost = await session.turn("SCN_HELLO")
    assert outcome(lost) == "failed"
    (error,) = of_type(lost, "error")
    assert "does not exist" in str(error["data"])
    assert [part["detail"] for part in parts(lost, "status") if part["label"] == "agent.restarted"] == [
        "did not resume its conversation"
    ]


async def test_terminate_ends_the_agent_and_what_it_runs(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.send("SCN_BASH 'sleep 300; touch made'")
    await amp_daemon.runs("sleep")
    running = amp_daemon.descendants()
    assert (await session.post("/terminate")).status_code == 204
    assert alive(running) == []
    ended = await session.wait_for("session.ended")
    assert ended["data"]["reason"] == "terminated"


async def test_a_key_that_is_refused_is_told_and_nothing_hangs(sandbox: Sandbox, amps: AmpServer):
    amps.refuses_keys = True
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="amp")
        turn = await session.turn("SCN_HELLO")
        assert outcome(turn) == "failed"
        (error,) = of_type(turn, "error")
        assert "API key" in str(error["data"])


async def test_without_any_credential_nothing_is_started(sandbox: Sandbox, amps: AmpServer):
    for name in ("AMP_API_KEY", "ANTHROPIC_API_KEY"):
        del sandbox.environment[name]
    async with running_daemon(sandbox) as daemon:
        response = await daemon.create(agent="amp", directory=str(sandbox.work))
        assert response.status_code == 424, response.text
        assert "AMP_API_KEY" in response.text
        assert agents(daemon) == []
    assert amps.requests == []


async def test_who_logs_out_between_two_processes_is_told_and_can_log_in_again(sandbox: Sandbox, amps: AmpServer):
    key = sandbox.environment.pop("AMP_API_KEY")
    secrets = Path(sandbox.home, ".local", "share", "amp", "secrets.json")
    secrets.parent.mkdir(parents=True)
    secrets.write_text(json.dumps({f"apiKey@{amps.url}": key}))
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="amp")
        assert outcome(await session.turn("SCN_HELLO")) == "completed"
        secrets.unlink()
        await session.turn("SCN_FAIL")  # ends its process
        turn = await session.turn("SCN_HELLO")
        (error,) = of_type(turn, "error")
        assert "AMP_API_KEY" in error["data"]["message"]
        assert outcome(turn) == "failed"
        secrets.write_text(json.dumps({f"apiKey@{amps.url}": key}))
        assert outcome(await session.turn("SCN_HELLO")) == "completed"
        assert of_type(session.events, "agent.unparsed") == []
