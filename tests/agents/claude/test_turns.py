"""How turns of the real Claude Code end, and how its conversations go on, through the dialect."""

import signal
from functools import partial
from uuid import uuid4

import pytest

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.items import StatusPart

from ...models.server import ModelServer
from ...schema.playbook import text_of
from ..driver import Driver, allow, driving, items, leave_open, outcome, parts
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents

claude = partial(driving, Claude)


async def interrupt(driver: Driver) -> None:
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def test_an_interrupt_in_mid_stream_ends_the_turn_and_the_next_one_works(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        await driver.prompt("SCN_SLOW")
        await driver.wait_for("item.delta", 5)
        await interrupt(driver)
        assert outcome(driver.events) == "interrupted"
        assert text_of(items(driver.events, "message")[-1].content).startswith("word0 word1")
        assert [event for event in driver.events if event.type in ("error", "agent.unparsed")] == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_in_mid_tool_ends_the_turn_and_the_next_one_works(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        await driver.prompt("SCN_BASH 'touch running; sleep 300'")
        await sandbox.made("running")
        await interrupt(driver)
        assert outcome(driver.events) == "interrupted"
        assert items(driver.events, "tool_result")[-1].status == "failed"
        assert [event for event in driver.events if event.type in ("error", "agent.unparsed")] == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_right_behind_the_prompt_ends_the_turn(sandbox: Sandbox):
    """Claude reads both before it begins the turn. It says "success" to the interrupt, and drops it."""
    async with claude(sandbox) as driver:
        await driver.turn("SCN_HELLO")
        for count in range(2, 6):
            start = len(driver.events)
            await driver.prompt("SCN_HANG")
            await driver.perform(driver.dialect.interrupt())
            await driver.wait_for("turn.ended", count)
            assert outcome(driver.events[start:]) == "interrupted"
        assert [event for event in driver.events if event.type in ("error", "agent.unparsed")] == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_an_interrupt_between_turns_does_nothing(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        await driver.turn("SCN_HELLO")
        assert driver.dialect.interrupt() == ()
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


@pytest.mark.parametrize(
    ("status", "retried"), [(400, False), (401, True), (429, True), (500, True), (529, True)], ids=str
)
async def test_an_error_of_the_model_fails_the_turn_and_is_told_once(sandbox: Sandbox, status: int, retried: bool):
    async with claude(sandbox) as driver:
        turn = await driver.turn(f"SCN_{status}")
        (error,) = [event.data for event in turn if event.type == "error"]
        assert (error.code, error.details["status"]) == ("api_error", status)
        assert error.details["retryable"] is False
        assert outcome(turn) == "failed"
        retries = [part for part in parts(turn, StatusPart) if part.label == "api_retry"]
        assert bool(retries) == retried
        assert all(str(status) in (part.detail or "") for part in retries)
        assert [item for item in items(turn, "message") if item.role == "assistant"] == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_a_background_task_that_ends_wakes_a_turn_of_its_own(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        await driver.turn("SCN_BACKGROUND")
        await driver.wait_for("turn.ended", 2)
        woken = driver.events[driver.events.index(await driver.wait_for("turn.started", 2)) :]
        assert woken[0].synthetic is False
        assert outcome(woken) == "completed"
        assert [event for event in driver.events if event.type == "agent.unparsed"] == []
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"


async def test_the_first_answer_makes_a_conversation_resumable(sandbox: Sandbox, models: ModelServer):
    async with claude(sandbox) as driver:
        assert driver.native is not None
        assert driver.native.resumable is False
        await driver.turn("SCN_HELLO")
        assert driver.native.resumable is True
        await driver.prompt("SCN_SLOW")
        await driver.wait_for("item.delta", 20)
        driver.process.kill()
        await driver.until(lambda: driver.status)
        assert driver.status.signal == signal.SIGKILL
    async with claude(sandbox, resume=driver.native.native_session_id, seed="2") as again:
        turn = await again.turn("SCN_HELLO again")
        assert outcome(turn) == "completed"
        assert again.native == driver.native
        said = str(models.asked()[-1]["messages"])
        assert "Hello from the model." in said, "the first turn is remembered"
        cost = turn[-1].data.metadata["cost_usd"]
        assert cost == driver.events[[e.type for e in driver.events].index("turn.ended")].data.metadata["cost_usd"]


async def test_a_conversation_that_is_not_there_is_a_clear_error_and_the_next_process_starts_afresh(sandbox: Sandbox):
    gone = str(uuid4())
    async with claude(sandbox, resume=gone) as driver:
        await driver.until(lambda: driver.status)
        assert driver.status.code == 1
        assert driver.ready is False
        (error,) = driver.events
        assert error.data.code == "resume_failed"
        assert error.data.message == f"No conversation found with session ID: {gone}"
        assert driver.native is not None
        assert driver.native.resumable is False
        assert driver.native.native_session_id != gone


async def test_clear_goes_on_under_another_id(sandbox: Sandbox):
    async with claude(sandbox) as driver:
        await driver.turn("SCN_HELLO")
        before = driver.native
        await driver.turn("/clear")
        await driver.turn("SCN_HELLO")
        assert driver.native is not None
        assert before is not None
        assert driver.native.native_session_id != before.native_session_id


async def test_the_model_and_the_effort_are_the_sessions(sandbox: Sandbox, models: ModelServer):
    async with claude(sandbox, model="sonnet", variant="low") as driver:
        await driver.turn("SCN_HELLO")
        assert "sonnet" in models.asked()[-1]["model"]
        assert models.asked()[-1]["output_config"] == {"effort": "low"}


async def test_the_directory_is_the_working_directory(sandbox: Sandbox):
    async with claude(sandbox, allow) as driver:
        turn = await driver.turn("SCN_BASH pwd")
        assert items(turn, "tool_result")[0].content[0].output == str(sandbox.work)


async def test_a_prompt_that_meets_a_turn_of_claudes_own_gets_its_answer(sandbox: Sandbox):
    """Its wake-up is under way when the prompt is written: the prompt's turn must not end with that."""
    async with claude(sandbox, leave_open) as driver:
        await driver.turn("SCN_BACKGROUND")
        await driver.until(lambda: "task_notification" in {part.label for part in parts(driver.events, StatusPart)})
        turn = await driver.turn("SCN_HELLO to-you")
        await driver.until(lambda: "to-you" in text_of(items(driver.events, "message")[-1].content))
        assert "Hello from the model. to-you" in text_of(items(turn, "message")[-1].content)
        assert len([event for event in driver.events if event.type == "turn.started"]) == len(
            [event for event in driver.events if event.type == "turn.ended"]
        )
