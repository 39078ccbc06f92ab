"""The mock program's work, really done, by the real process with the real dialect."""

from pathlib import Path
from typing import Any

import pytest
import trio

from sandbox_agent.schema.agents.effects import RequestPermission
from sandbox_agent.schema.items import FileRefPart, ToolResultPart

from .talk import Talk, events, talking, told


async def played(mock: Talk, prompt: str, reply: str) -> list[Any]:
    heard = [*await mock.prompt(prompt), *await mock.until("RequestPermission")]
    (ask,) = [one for one in heard if isinstance(one, RequestPermission)]
    await mock.carry_out(mock.dialect.answer_permission(ask.permission_id, reply))
    return heard + await mock.until("turn.ended")


def results(heard: list[Any]) -> list[tuple[str, Any]]:
    """The status and the parts of every completed tool result."""
    items = [event.data.item for event in events(heard) if event.type == "item.completed"]
    return [(item.status, item.content) for item in items if item.kind == "tool_result"]


@pytest.mark.parametrize(("command", "status", "output"), [("echo hi", "completed", "hi\n"), ("exit 3", "failed", "")])
async def test_a_command_runs_when_it_is_allowed(command: str, status: str, output: str):
    async with talking() as mock:
        ((told_status, (part,)),) = results(await played(mock, f"run {command}", "once"))
        assert (told_status, part) == (status, ToolResultPart("mock_1_call", output))


async def test_a_command_does_not_run_when_it_is_rejected(tmp_path: Path):
    async with talking() as mock:
        heard = await played(mock, f"run touch {tmp_path}/made", "reject")
        assert results(heard)[0][0] == "failed"
        assert told(heard)[-1] == "S turn.ended turn_1 completed"
    assert not (tmp_path / "made").exists()


async def test_an_interrupt_ends_the_command_with_all_that_it_started(tmp_path: Path):
    fifo = tmp_path / "held"
    async with talking() as mock:
        await trio.run_process(["mkfifo", str(fifo)])
        await mock.prompt(f"run exec 9>{fifo}; sleep 300 & sleep 300")
        heard = await mock.until("RequestPermission")
        await mock.carry_out(mock.dialect.answer_permission(heard[-1].permission_id, "once"))
        reader = await trio.open_file(fifo, "rb")  # waits for the command
        await mock.carry_out(mock.dialect.interrupt())
        assert told(await mock.until("turn.ended"))[-1] == "S turn.ended turn_1 interrupted"
        # The pipe ends when nobody holds it any more.
        assert await reader.read() == b""
        await reader.aclose()
        assert told(await mock.turn("echo on"))[-1] == "S turn.ended turn_2 completed"


async def test_an_edit_changes_the_file_and_tells_the_difference(tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo\n")
    async with talking() as mock:
        ((_, (_, change)),) = results(await played(mock, f"edit {file} two TWO", "once"))
    assert file.read_text() == "one\nTWO\n"
    assert change == FileRefPart(str(file), "patch", f"--- {file}\n+++ {file}\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n")


async def test_an_edit_that_cannot_be_done_fails_and_the_turn_goes_on(tmp_path: Path):
    async with talking() as mock:
        heard = await played(mock, f"edit {tmp_path}/missing a b", "once")
        assert results(heard)[0][0] == "failed"
        assert told(heard)[-1] == "S turn.ended turn_1 completed"


async def test_a_failure_that_was_asked_for_fails_the_turn_and_no_more():
    async with talking() as mock:
        heard = told(await mock.turn("fail no luck"))
        assert any("mock_error" in one and "no luck" in one for one in heard)
        assert heard[-1] == "S turn.ended turn_1 failed"
        assert told(await mock.turn("echo on"))[-1] == "S turn.ended turn_2 completed"
