"""What a session does with its agent: how long it may take, when it is stopped, and how often it may die."""

import os
import signal
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import trio

from sandbox_agent.actors.processes.agent_process import OUTPUT_LINGER, AgentProcess
from sandbox_agent.schema.agents.effects import ConversationOpened
from sandbox_agent.schema.agents.mock.dialect import Mock
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.timeouts import SessionTimeouts

from ...proof.rules.history import Event
from ..house import House, events_of, house, said


def errors(events: list) -> list[tuple[str, float | None]]:
    """Code and seconds of each error."""
    told = [e["data"] for e in events if e["type"] == "error"]
    return [(data["code"], (data["details"] or {}).get("seconds")) for data in told]


def statuses(events: list) -> list[str]:
    """The labels of what the daemon told of the agent."""
    items = [e["data"]["item"] for e in events if e["type"] == "item.completed"]
    return [item["content"][0]["label"] for item in items if item["kind"] == "status"]


def reply(events: list) -> str:
    return next(e["data"]["delta"] for e in events if e["type"] == "item.delta")


async def test_a_turn_that_takes_too_long_is_interrupted_and_its_agent_goes_on() -> None:
    async with house(turn_timeout=3.0) as h:
        log = await h.create()
        (pid,) = h.agents_alive()
        events = await h.turn(log, "hang")
        assert errors(events) == [("turn_timeout", 3.0)]
        assert said(events[-1]) == "turn.ended failed"
        assert h.agents_alive() == [pid]
        assert said((await h.turn(log, "echo on"))[-1]) == "turn.ended completed"


async def test_an_agent_that_does_not_stop_a_turn_that_took_too_long_is_ended() -> None:
    async with house(turn_timeout=3.0, interrupt_timeout=0.2) as h:
        log = await h.create()
        events = await h.turn(log, "hang hard")
        assert errors(events) == [("turn_timeout", 3.0), ("interrupt_timeout", 0.2)]
        assert said(events[-1]) == "turn.ended failed"
        assert (await h.daemon.session_info("s")).status == "suspended"
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"
        assert (await h.daemon.session_info("s")).agent_restarts == 1


async def test_a_turn_that_timed_out_and_completes_before_it_is_stopped_has_one_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent does not hear the interrupt, and completes."""
    monkeypatch.setattr(Mock, "interrupt", lambda _: ())
    async with house(turn_timeout=3.0, interrupt_timeout=60) as h:
        log = await h.create()
        events = await h.turn(log, "sleep 4")
        assert errors(events) == [("turn_timeout", 3.0)]
        assert said(events[-1]) == "turn.ended failed"
        assert said((await h.turn(log, "echo on"))[-1]) == "turn.ended completed"
        assert [e["type"] for e in events_of(log)].count("turn.ended") == 2


async def test_what_an_agent_has_said_is_heard_before_it_is_called_silent() -> None:
    """The event loop is busy for longer than the agent may be silent, and the agent's words wait in its pipe."""
    async with house(idle_timeout=2.0, turn_timeout=2.0) as h:
        log = await h.create()
        for number in range(1, 4):
            await h.send("sleep 0.2")
            await h.until_type(log, "item.started", 3 * number - 1)  # the tool call's; its result follows
            time.sleep(2.2)
            await h.until_type(log, "turn.ended", number)
        ended = [e for e in events_of(log) if e["type"] == "turn.ended"]
        assert [said(e) for e in ended] == ["turn.ended completed"] * 3
        assert errors(events_of(log)) == []


async def test_an_agent_that_is_not_ready_in_time_is_ended_and_its_prompt_closed() -> None:
    async with house(start_timeout=2.0) as h:
        log = await h.create(variant="hang")
        turn = await h.send("echo never")
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turn)
        events = events_of(log)
        assert errors(events) == [("start_timeout", 2.0)]
        details = next(e["data"]["details"] for e in events if e["type"] == "error")
        assert details["stderr"] == "mock: told to hang at the start"
        assert said(events[-1]) == "turn.ended failed"


async def test_an_agent_that_never_starts_makes_the_session_failed() -> None:
    async with house(start_timeout=1.5) as h:
        log = await h.create(variant="hang")
        for _ in range(3):
            await h.send("echo never")
        ended = await h.until_type(log, "session.ended")
        assert ended["data"]["message"] == "the agent was not ready after 1.5 s, 3 times within 60 s"
        assert ended["data"]["stderr"]["head"] == "mock: told to hang at the start"


async def test_each_session_may_have_its_own_timeouts() -> None:
    async with house(turn_timeout=600, ask_timeout=600) as h:
        quick = await h.create("quick", timeouts=SessionTimeouts(idle_seconds=1.5, ask_seconds=0.2))
        slow = await h.create("slow")
        await h.send("hang", "slow")
        assert errors(await h.turn(quick, "hang hard", "quick")) == [("idle_timeout", 1.5)]
        asked = await h.turn(quick, "permission", "quick")
        causes = [e["data"]["metadata"]["cause"] for e in asked if e["type"] == "permission.resolved"]
        assert causes == ["timeout", "timeout"]
        assert (await h.daemon.session_info("slow")).status == "running"
        told = (await h.daemon.session_info("quick")).timeouts
        assert (told.idle_seconds, told.ask_seconds, told.turn_seconds) == (1.5, 0.2, 600)
        assert errors(events_of(slow)) == []


@pytest.mark.parametrize(
    ("timeouts", "field", "message"),
    [
        ({"idleSeconds": -1}, "timeouts.idleSeconds", "expected 0 (off) to 2678400 seconds; got -1.0"),
        ({"turnSeconds": 1e10}, "timeouts.turnSeconds", "expected 0 (off) to 2678400 seconds; got 10000000000.0"),
        ({"askSeconds": "5"}, "timeouts.askSeconds", "expected a number, got a string"),
        ({"startSeconds": True}, "timeouts.startSeconds", "expected a number, got a boolean"),
        ({"idle_seconds": 5}, "timeouts", "unknown: idle_seconds"),
        (5, "timeouts", "expected an object, got a number"),
    ],
)
def test_a_timeout_that_does_not_fit_is_refused_by_name(timeouts: object, field: str, message: str) -> None:
    with pytest.raises(Problem) as refused:
        Codec().build({"agent": "mock", "timeouts": timeouts}, CreateSessionRequest)
    assert refused.value.status == 422
    assert refused.value.extensions["details"]["errors"] == [{"field": field, "message": message}]


def test_timeouts_survive_being_written_down() -> None:
    codec = Codec()
    request = CreateSessionRequest("mock", timeouts=SessionTimeouts(turn_seconds=5, suspend_after_seconds=0))
    assert codec.plain(request)["timeouts"] == {"turnSeconds": 5, "suspendAfterSeconds": 0}
    assert codec.decode(codec.encode(request), CreateSessionRequest) == request


# Suspension.


async def test_of_many_sessions_only_the_active_ones_have_processes() -> None:
    async with house(suspend_after=1.0) as h:
        logs = {name: await h.create(name) for name in map(str, range(12))}
        for name, log in logs.items():
            assert reply(await h.turn(log, "recall", name)) == "prompts in this conversation: 1"
        await h.send("hang", "0")
        await h.until_status("running", "0")
        for name in logs:
            if name != "0":
                await h.until_status("suspended", name)
        assert len(h.agents_alive()) == 1
        for name in ("3", "7"):
            events = await h.turn(logs[name], "recall", name)
            # It is the same conversation: the agent itself counts.
            assert reply(events) == "prompts in this conversation: 2"
            assert statuses(events) == ["agent.restarted"]
            assert set(statuses(events_of(logs[name]))) == {"agent.suspended", "agent.restarted"}
        assert errors(events_of(logs["3"])) == []
        info = await h.daemon.session_info("3")
        assert info.agent_restarts == 0
        assert (await h.daemon.session_info("0")).status == "running"
        assert h.daemon.counters.agent_suspensions["mock"] >= 11


async def test_a_session_that_was_never_prompted_is_suspended_too() -> None:
    async with house(suspend_after=0.1) as h:
        log = await h.create()
        await h.until_status("suspended")
        assert h.agents_alive() == []
        assert said((await h.turn(log, "echo first"))[-1]) == "turn.ended completed"


async def test_prompts_that_race_with_a_suspension_all_run() -> None:
    async with house(suspend_after=0.02) as h:
        log = await h.create()
        for number in range(1, 13):
            await trio.sleep(0.004 * number)
            assert reply(await h.turn(log, "recall")) == f"prompts in this conversation: {number}"
        await h.until_status("suspended")
        assert errors(events_of(log)) == []
        assert "agent.suspended" in statuses(events_of(log))


async def test_a_session_that_could_not_resume_is_not_suspended() -> None:
    async with house({"XDG_STATE_HOME": "/nonexistent/at/all"}, suspend_after=0.1) as h:
        log, other = await h.create(), await h.create("other", timeouts=SessionTimeouts(suspend_after_seconds=0))
        await h.turn(log, "echo 1")
        await h.turn(other, "echo 1", "other")
        await trio.sleep(0.5)
        assert [(await h.daemon.session_info(name)).status for name in ("s", "other")] == ["idle", "idle"]
        assert len(h.agents_alive()) == 2


async def test_an_agent_that_waits_for_a_human_is_not_suspended() -> None:
    """The demo ends its turn with asks that nobody has answered."""
    async with house(suspend_after=0.1) as h:
        log = await h.create()
        await h.turn(log, "demo")
        await trio.sleep(0.5)
        assert (await h.daemon.session_info("s")).status == "waiting"
        for ask in (await h.daemon.pending_permissions()).permissions:
            await h.daemon.reply_permission("s", ask.permission.permission_id, "once")
        for ask in (await h.daemon.pending_questions()).questions:
            await h.daemon.reply_question("s", ask.question.question_id, None)
        await h.until_status("suspended")


# Death.


async def crashed(h: House, prompt: str = "crash 7") -> None:
    turn = await h.send(prompt)
    await h.until(await h.daemon.log("s"), lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turn)


async def test_the_third_unexpected_exit_ends_the_session_with_the_terminals_tail() -> None:
    async with house() as h:
        log, other = await h.create(), await h.create("other")
        for _ in range(3):
            await crashed(h)
        ended = await h.until_type(log, "session.ended")
        assert ended["data"]["message"] == "mock exited with exit code 7, 3 times within 60 s"
        assert ended["data"]["stderr"]["head"] == "mock: about to crash"
        tails = [e["data"]["details"]["stderr"] for e in events_of(log) if e["type"] == "error"]
        assert tails == ["mock: about to crash"] * 3
        info = await h.daemon.session_info("s")
        assert (info.status, info.agent_restarts) == ("failed", 2)
        assert h.daemon.counters.agent_starts == {("mock", False): 2, ("mock", True): 2}
        assert said((await h.turn(other, "echo fine", "other"))[-1]) == "turn.ended completed"


async def test_the_last_words_on_the_terminal_are_told_also_when_they_are_read_late() -> None:
    drain = AgentProcess.drain_terminal

    async def late(process: AgentProcess) -> None:
        await process.wait()
        await trio.sleep(OUTPUT_LINGER / 2)  # as on a busy machine, and within its time
        await drain(process)

    with patch.object(AgentProcess, "drain_terminal", late):
        async with house() as h:
            log = await h.create()
            await crashed(h)
            (told,) = [e["data"] for e in events_of(log) if e["type"] == "error"]
            assert told["details"]["stderr"] == "mock: about to crash"


async def test_an_agent_that_dies_at_every_start_fails_the_session_and_each_prompt_is_closed() -> None:
    async with house(restart_backoff=2.0) as h:
        log = await h.create(variant="crash")
        turns = [await h.send(f"echo {number}") for number in range(4)]
        ended = await h.until_type(log, "session.ended")
        assert ended["data"]["stderr"]["head"] == "mock: told to crash at the start"
        closed = [(e["data"]["turn_id"], said(e)) for e in events_of(log) if e["type"] == "turn.ended"]
        assert [turn for turn, _ in closed] == turns
        assert errors(events_of(log)) == [("process_exit", None)] * 3


async def test_the_next_start_waits_longer_after_each_unexpected_exit() -> None:
    async with house(agent_restarts=10, restart_backoff=0.2, restart_backoff_max=0.4) as h:
        log = await h.create(variant="crash")
        begun = trio.current_time()
        turns = [await h.send(f"echo {number}") for number in range(5)]
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turns[-1])
        # Five deaths at least: no pause after the first, then 0.2, 0.4 and 0.4 seconds.
        assert trio.current_time() - begun >= 1.0
        assert (await h.daemon.session_info("s")).agent_restarts >= 4


async def test_each_restart_is_told_in_its_own_turn_also_when_prompts_wait() -> None:
    async with house(agent_restarts=10) as h:
        log = await h.create()
        await h.send("hang")
        await h.until_status("running")
        turns = [await h.send(prompt) for prompt in ("crash", "crash", "recall")]
        await h.daemon.interrupt("s")
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turns[-1])
        assert statuses(events_of(log)) == ["agent.restarted"] * 2
        assert "prompts in this conversation: 4" in [e["data"].get("delta") for e in events_of(log)]


def details(events: list) -> list[str]:
    """What the daemon told of restarts."""
    items = [e["data"]["item"] for e in events if e["type"] == "item.completed"]
    return [item["content"][0]["detail"] for item in items if item["content"][0].get("label") == "agent.restarted"]


@pytest.mark.parametrize("prompt", ["recall", "crash"])
async def test_a_restart_says_what_became_of_the_conversation_and_not_what_was_asked_for(
    tmp_path: Path, prompt: str
) -> None:
    async with house({"XDG_STATE_HOME": str(tmp_path)}, agent_restarts=10, restart_backoff=0.0) as h:
        log = await h.create()
        await h.turn(log, "crash")
        assert details(await h.turn(log, "recall")) == ["resumed its conversation"]
        await h.turn(log, "crash")
        (kept,) = (tmp_path / "sandbox-agent" / "mock").glob("*/*")
        kept.unlink()
        events = await h.turn(log, prompt)
        assert details(events) == ["started afresh: its conversation is gone"]
        assert "resume_failed" in [code for code, _ in errors(events_of(log))]
        await h.turn(log, "crash")
        assert details(await h.turn(log, "recall")) == ["resumed its conversation"]


async def test_an_agent_that_ends_before_it_shows_what_it_resumed_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amp shows it with its first words."""
    greeted = Mock._greeted  # pyright: ignore[reportPrivateUsage]

    def silent(self: Mock, *said: Any) -> Any:
        return [effect for effect in greeted(self, *said) if not isinstance(effect, ConversationOpened)]

    monkeypatch.setattr(Mock, "_greeted", silent)
    async with house(agent_restarts=10, restart_backoff=0.0) as h:
        log = await h.create()
        await h.turn(log, "crash")
        assert details(await h.turn(log, "echo hello")) == ["did not resume its conversation"]
        await h.turn(log, "crash")
        assert details(await h.turn(log, "crash")) == ["did not resume its conversation"]


async def test_timeouts_and_the_count_of_restarts_survive_the_daemon(tmp_path: Path) -> None:
    kept = {"HOME": str(tmp_path)}
    async with house(kept, data_dir=str(tmp_path / "data")) as h:
        log = await h.create(timeouts=SessionTimeouts(turn_seconds=4.5))
        await h.turn(log, "crash")
        await h.turn(log, "recall")
        first = await h.daemon.session_info("s")
    async with house(kept, data_dir=str(tmp_path / "data"), idle_timeout=7) as h:
        again = await h.daemon.session_info("s")
        assert (first.agent_restarts, again.agent_restarts) == (1, 1)
        assert (again.timeouts.turn_seconds, again.timeouts.idle_seconds) == (4.5, 7)
        # A conversation that goes on in another process of another daemon.
        log, before = await h.daemon.log("s"), (await h.daemon.log("s")).last
        await h.send("recall")
        events: list[Event] = []
        while not events or events[-1]["type"] != "turn.ended":
            await log.wait_beyond(before + len(events))
            events = [msgspec.json.decode(event.plain) for event in (await log.read(before, 1 << 20)).events]
        assert reply(events) == "prompts in this conversation: 3"


async def test_an_interrupt_reaches_a_prompt_that_waits_for_the_next_start() -> None:
    async with house(agent_restarts=10, restart_backoff=3600, restart_backoff_max=3600) as h:
        log = await h.create()
        await crashed(h)
        await crashed(h)
        turn = await h.send("echo later")
        assert (await h.daemon.session_info("s")).status == "starting"
        assert (await h.daemon.interrupt("s")).interrupted
        ended = await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turn)
        assert said(ended) == "turn.ended interrupted"


async def test_an_exit_of_an_idle_agent_is_told_and_resumed() -> None:
    async with house() as h:
        log = await h.create()
        await h.turn(log, "recall")
        (pid,) = h.agents_alive()
        os.kill(pid, signal.SIGTERM)
        assert said(await h.until_type(log, "error")) == "error process_exit"
        assert reply(await h.turn(log, "recall")) == "prompts in this conversation: 2"
