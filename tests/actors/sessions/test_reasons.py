"""The reason of a failure stands in the turn that fails for it: readers of that turn see nothing else."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from sandbox_agent.schema.timeouts import SessionTimeouts

from ...proof.rules.history import Event
from ..house import events_of, house, said


def told(turn: list[Event]) -> list[str]:
    """Of a turn, from its start to its end, less the prompt."""
    return [said(event) for event in turn if not event["type"].startswith("item.")]


def reason(turn: list[Event]) -> tuple[str, str]:
    """What the end of the turn says, which is what its error said."""
    (error,) = (event["data"] for event in turn if event["type"] == "error")
    assert turn[-1]["data"]["metadata"]["error"] == {"code": error["code"], "message": error["message"]}
    return error["code"], error["message"]


def of_turn(events: list[Event], turn_id: str) -> list[Event]:
    first, last = (
        next(i for i, e in enumerate(events) if e["type"] == type_ and e["data"]["turn_id"] == turn_id)
        for type_ in ("turn.started", "turn.ended")
    )
    return events[first : last + 1]


FAILED = ["turn.started", "error {}", "turn.ended failed"]


def failed(code: str) -> list[str]:
    return [line.format(code) for line in FAILED]


async def test_an_agent_that_crashes_in_its_start() -> None:
    async with house(agent_restarts=10) as h:
        log = await h.create(variant="crash")
        for _ in range(2):
            turn = await h.turn(log, "echo never")
            assert told(turn) == failed("process_exit")
            assert reason(turn) == ("process_exit", "mock exited with exit code 1")


async def test_an_agent_that_is_not_ready_in_time() -> None:
    async with house() as h:
        log = await h.create(variant="hang", timeouts=SessionTimeouts(start_seconds=1.5))
        turn = await h.turn(log, "echo never")
        assert told(turn) == failed("start_timeout")
        assert reason(turn) == ("start_timeout", "the agent was not ready after 1.5 s")


async def test_an_agent_whose_directory_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    async with house(suspend_after=0.3) as h:
        log = await h.create(directory=str(directory))
        await h.until_status("suspended")
        shutil.rmtree(directory)
        turn = await h.turn(log, "echo never")
        assert told(turn) == failed("start_failed")
        code, message = reason(turn)
        assert code == "start_failed"
        assert str(directory) in message


async def test_an_agent_that_dies_in_mid_turn() -> None:
    async with house() as h:
        log = await h.create()
        turn = await h.turn(log, "crash 7")
        assert told(turn) == failed("process_exit")
        assert reason(turn) == ("process_exit", "mock exited with exit code 7")


@pytest.mark.parametrize("prompt", ["hang hard", "hang"])
async def test_a_turn_that_took_too_long_failed_for_that(prompt: str) -> None:
    """Whatever it took to stop it."""
    async with house(turn_timeout=1.0, interrupt_timeout=0.2) as h:
        log = await h.create()
        turn = await h.turn(log, prompt)
        assert turn[-1]["data"]["metadata"]["error"]["code"] == "turn_timeout"


async def test_what_the_agent_itself_says_is_the_reason() -> None:
    async with house() as h:
        log = await h.create()
        turn = await h.turn(log, "error")
        assert told(turn) == ["turn.started", "error mock_error", "agent.unparsed", "turn.ended failed"]
        assert reason(turn) == ("mock_error", "This error was asked for.")


async def test_a_session_that_fails_with_a_prompt_of_its_own_says_why() -> None:
    async with house(agent_restarts=1) as h:
        log = await h.create()
        turn = await h.send("crash")
        await h.until_type(log, "session.ended")
        assert reason(of_turn(events_of(log), turn)) == ("process_exit", "mock exited with exit code 1")


async def test_a_prompt_that_waited_when_its_session_failed_says_why_and_one_that_was_cancelled_is_interrupted() -> (
    None
):
    async with house(agent_restarts=1) as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        cancelled, waited = await h.send("echo cancelled"), await h.send("echo never")
        await h.daemon.cancel_prompt("s", cancelled)
        for pid in h.agents_alive():
            os.kill(pid, signal.SIGKILL)
        ended = await h.until_type(log, "session.ended")
        events = events_of(log)
        assert told(of_turn(events, waited)) == ["turn.started", "turn.ended failed"]
        why = {"code": "session_ended", "message": ended["data"]["message"]}
        assert of_turn(events, waited)[-1]["data"]["metadata"] == {"outcome": "failed", "error": why}
        assert of_turn(events, cancelled)[-1]["data"]["metadata"] == {"outcome": "interrupted"}


async def test_prompts_that_waited_when_the_agent_ended_the_conversation_say_so() -> None:
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await h.send("end")
        waited = await h.send("echo never")
        await h.daemon.interrupt("s")
        await h.until_type(log, "session.ended")
        turn = of_turn(events_of(log), waited)
        assert told(turn) == ["turn.started", "turn.ended failed"]
        assert turn[-1]["data"]["metadata"]["error"]["code"] == "session_ended"
