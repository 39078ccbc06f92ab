"""What the real Codex tells beside its items."""

from functools import partial

import pytest
from sandbox_agent.schema.agents.codex import Codex
from sandbox_agent.schema.items import StatusPart

from .driver import driving, items, outcome
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

codex = partial(driving, Codex, executable=("codex",), seed="seed")


async def test_what_is_typed_into_a_program_that_runs_is_told_below_its_call(sandbox: Sandbox):
    async with codex(sandbox) as driver:
        turn = await driver.turn("SCN_TYPE some words")
        (typed,) = [item for item in items(turn, "status") if item.content[0].label == "command.input"]
        assert typed.content == (StatusPart("command.input", "some words\n"),)
        (call,) = items(turn, "tool_call")
        assert typed.parent_id == call.item_id
        assert outcome(turn) == "completed"
