"""How turns of the real Codex end, and how its conversations go on, through the dialect."""

import signal
from functools import partial
from uuid import uuid4

import psutil
import pytest
import trio

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.items import StatusPart

from ...models.server import ModelServer
from ...schema.playbook import text_of
from ..driver import Driver, allow, driving, items, leave_open, outcome, parts
from ..sandbox import POLL, Sandbox
from .home import SPAWNING_MODEL

pytestmark = pytest.mark.agents

codex = partial(driving, Codex, executable=("codex",), seed="seed")


async def interrupt(driver: Driver) -> None:
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


def unexpected(driver: Driver) -> list[object]:
    return [event for event in driver.events if event.type in ("error", "agent.unparsed")]


def running(driver: Driver, name: str) -> list[psutil.Process]:
    return [p for p in psutil.Process(driver.process.pid).children(recursive=True) if p.name() == name]


async def gone(driver: Driver, name: str) -> None:
    """Codex says that it has killed a process a moment before the process is gone."""
    while running(driver, name):
        await trio.sleep(POLL)


async def test_an_interrupt_in_mid_stream_ends_the_turn_and_the_next_one_works(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        await driver.prompt("SCN_SLOW")
        await driver.wait_for("item.delta", 5)
        await interrupt(driver)
        assert outcome(driver.events) == "interrupted"
        assert text_of(items(driver.events, "message")[-1].content).startswith("word0 word1")
        assert unexpected(driver) == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


@pytest.mark.parametrize("prompt", ["SCN_BASH 'touch running; sleep 300'", "SCN_BACKGROUND"])
async def test_an_interrupt_in_mid_tool_ends_the_tool_too_and_the_next_turn_works(sandbox: Sandbox, prompt: str):
    async with codex(sandbox) as driver:
        await driver.prompt(prompt)
        await sandbox.made("running")
        await driver.until(lambda: items(driver.events, "tool_call"))  # codex tells of it some 100 ms later
        await interrupt(driver)
        await gone(driver, "sleep")
        assert outcome(driver.events) == "interrupted"
        (result,) = items(driver.events, "tool_result")
        assert result.status == "failed"
        assert result.content[0].type == "tool_result"
        assert unexpected(driver) == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_that_comes_with_the_prompt_is_not_lost(sandbox: Sandbox):
    """Codex has not yet named the turn, and takes no interrupt for a turn that has not started."""
    async with codex(sandbox) as driver:
        await driver.prompt("SCN_SLOW")
        await interrupt(driver)
        assert outcome(driver.events) == "interrupted"
        assert unexpected(driver) == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_between_turns_does_nothing(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        await driver.turn("SCN_HELLO")
        assert driver.dialect.interrupt() == ()
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_stops_the_sub_agents_too(sandbox: Sandbox):
    async with codex(sandbox, model=SPAWNING_MODEL) as driver:
        await driver.turn("SCN_SUBAGENT SCN_BASH 'touch running; sleep 300'")
        await sandbox.made("running")
        start = len(driver.events)
        await driver.prompt("SCN_SLOW")
        await driver.until(lambda: [e for e in driver.events[start:] if e.type == "item.delta"])
        await driver.perform(driver.dialect.interrupt())
        await driver.wait_for("turn.ended", 2)
        await gone(driver, "sleep")
        assert unexpected(driver) == []


@pytest.mark.parametrize(
    ("status", "told", "words", "retried"),
    [
        (400, None, "the scripted model refuses", False),
        (401, 401, "invalid api key", True),
        (429, 429, "429 Too Many Requests", False),
        (500, None, "high demand", True),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
async def test_an_error_of_the_model_fails_the_turn_and_retries_are_told_apart(
    sandbox: Sandbox, status: int, told: int | None, words: str, retried: bool
):
    async with codex(sandbox) as driver:
        turn = await driver.turn(f"SCN_{status}")
        *retries, error = [event.data for event in turn if event.type == "error"]
        assert (error.code, error.details["status"], error.details["retryable"]) == ("api_error", told, False)
        assert words in error.message
        assert [retry.details["retryable"] for retry in retries] == [True] * retried
        assert outcome(turn) == "failed"
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_a_command_in_the_background_outlives_its_turn(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_BACKGROUND")
        assert [item.status for item in items(turn, "tool_result")] == ["completed"]
        assert len(running(driver, "sleep")) == 1
        assert unexpected(driver) == []


async def test_the_first_turn_makes_a_conversation_resumable(sandbox: Sandbox, models: ModelServer):
    async with codex(sandbox) as driver:
        assert driver.native is not None
        assert driver.native.resumable is False
        await driver.prompt("SCN_HELLO remembered")
        await driver.wait_for("item.delta")
        assert driver.native.resumable is True
        await driver.wait_for("turn.ended")
        await driver.prompt("SCN_SLOW")
        await driver.wait_for("item.delta", 20)
        driver.process.kill()
        await driver.until(lambda: driver.status)
        assert driver.status.signal == signal.SIGKILL
    async with codex(sandbox, resume=driver.native.native_session_id) as again:
        turn = await again.turn("SCN_HELLO again")
        assert outcome(turn) == "completed"
        assert unexpected(again) == []
        assert again.native == driver.native
        assert "Hello from the model. remembered" in str(models.asked()[-1]["input"])
        usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
        assert turn[-1].data.metadata["usage"] == usage, "its own, not the former process's"
        told = [part for part in parts(again.events, StatusPart) if part.label == "thread.token_usage.updated"]
        assert len(told) == 1


async def test_a_conversation_that_is_named_resumable_can_be_resumed_at_once(sandbox: Sandbox):
    """Killed at the earliest moment that the name is given."""
    async with codex(sandbox, leave_open) as driver:
        await driver.prompt("SCN_SLOW")
        await driver.until(lambda: driver.native is not None and driver.native.resumable)
        driver.process.kill()
        await driver.until(lambda: driver.status)
    assert driver.native is not None
    async with codex(sandbox, resume=driver.native.native_session_id) as again:
        assert outcome(await again.turn("SCN_HELLO")) == "completed"
        assert unexpected(again) == []
        assert again.native == driver.native


async def test_a_resumed_conversation_keeps_to_the_sessions_modes(sandbox: Sandbox, models: ModelServer):
    async with codex(sandbox, model="gpt-5.4", permission_mode="plan") as driver:
        await driver.turn("SCN_HELLO")
    assert driver.native is not None
    native = driver.native.native_session_id
    async with codex(sandbox, allow, resume=native, permission_mode="bypass", variant="high") as again:
        await again.turn("SCN_BASH touch made")
        assert again.approvals == []
        asked = models.asked()[-1]
        assert (asked["model"], asked["reasoning"]["effort"]) == ("gpt-5.4", "high")
    assert (sandbox.work / "made").exists()


async def test_a_conversation_that_is_not_there_is_a_clear_error_and_starts_afresh(sandbox: Sandbox):
    gone = str(uuid4())
    async with codex(sandbox, resume=gone) as driver:
        (error,) = [event.data for event in driver.events if event.type == "error"]
        assert error.code == "resume_failed"
        assert error.message == f"no rollout found for thread id {gone}"
        assert driver.native is not None
        assert driver.native.resumable is False
        assert driver.native.native_session_id != gone
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_a_thread_that_cannot_be_opened_fails_the_prompt_and_the_next_one_tries_again(sandbox: Sandbox):
    """A conversation that cannot be read now is not given up for a fresh one: it may be readable later."""
    async with codex(sandbox) as driver:
        await driver.turn("SCN_HELLO remembered")
    assert driver.native is not None
    (rollout,) = (sandbox.home / ".codex" / "sessions").rglob("rollout-*.jsonl")
    good = rollout.read_text()
    rollout.write_text("this is no JSON\n")
    async with codex(sandbox, resume=driver.native.native_session_id) as again:
        assert [event.data.code for event in again.events if event.type == "error"] == ["resume_failed"]
        failed = await again.turn("SCN_HELLO")
        assert [event.data.code for event in failed if event.type == "error"] == ["resume_failed"]
        assert outcome(failed) == "failed"
        rollout.write_text(good)
        assert outcome(await again.turn("SCN_HELLO")) == "completed"
        assert again.native == driver.native


async def test_codex_makes_its_helper_programs_in_the_private_home(sandbox: Sandbox):
    """It refuses to where the home lies below the temporary directory; tests must not run without them."""
    async with codex(sandbox):
        assert list((sandbox.home / ".codex" / "tmp").iterdir())
        assert "PATH aliases" not in (sandbox.home / "stderr.txt").read_text()
