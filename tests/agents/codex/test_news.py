"""What the real Codex tells beside its items."""

from functools import partial

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.items import JsonPart, StatusPart

from ...models.server import ModelServer
from ..driver import driving, items, outcome
from ..sandbox import Sandbox

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


async def test_how_much_of_a_subscription_is_used_is_told_when_it_has_changed_by_ten_points(
    sandbox: Sandbox, models: ModelServer
):
    async with codex(sandbox) as driver:
        for used in (12, 13, 21, 22, 35):
            models.headers = {
                "x-codex-primary-used-percent": str(used),
                "x-codex-primary-window-minutes": "300",
                "x-codex-primary-reset-at": "1800000000",
            }
            await driver.turn("SCN_HELLO")
        told = [item for item in items(driver.events, "status") if item.content[0].label == "rate_limit"]
        assert [item.content[1].json["primary"]["usedPercent"] for item in told] == [12, 22, 35]
        window = {"usedPercent": 12, "windowDurationMins": 300, "resetsAt": 1_800_000_000}
        assert told[0].content == (
            StatusPart("rate_limit", "codex: 12 % of the primary window of 300 minutes until 2027-01-15T08:00:00Z"),
            JsonPart({"limit": "codex", "primary": window}),
        )
