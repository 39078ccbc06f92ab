"""The real agents behind a gateway that gives every call the same id: what they ran is in the log, each result with its
own call."""

import json
from pathlib import Path

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import AgentSpec, Hook
from sandbox_agent.schema.agents.effects import RequestPermission
from sandbox_agent.schema.agents.ledger import EventDraft
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.items import ToolCallPart, ToolResultPart

from ..models.amp import AmpServer
from ..models.server import ModelServer
from .driver import Driver, driving, items, outcome
from .sandbox import Sandbox

pytestmark = pytest.mark.agents


def calls_of(events: list[EventDraft]) -> list[ToolCallPart]:
    return [part for item in items(events, "tool_call") for part in item.content if isinstance(part, ToolCallPart)]


def ran(events: list[EventDraft]) -> list[str]:
    """Each command that has a result. No two calls have one id."""
    calls = {item.item_id: item for item in items(events, "tool_call")}
    found: list[str] = []
    for item in items(events, "tool_result"):
        (call,) = [part for part in calls[item.parent_id or ""].content if isinstance(part, ToolCallPart)]
        (result,) = [part for part in item.content if isinstance(part, ToolResultPart)]
        assert call.call_id == result.call_id
        found.append(json.loads(call.arguments)["command"])
    ids = [part.call_id for part in calls_of(events)]
    assert len(set(ids)) == len(ids) == len({item.native_item_id for item in calls.values()})
    return found


async def holds(driver: Driver) -> None:
    for word in ("one", "two"):
        turn = await driver.turn(f"SCN_BASH echo {word} > {word}")
        assert outcome(turn) == "completed"
    assert ran(driver.events) == ["echo one > one", "echo two > two"]
    asked = [ask.metadata["toolUseId"] for ask in driver.approvals if isinstance(ask, RequestPermission)]
    assert asked in ([], [call.call_id for call in calls_of(driver.events)])
    turn = await driver.turn("SCN_PARALLEL")
    assert outcome(turn) == "completed"
    commands = [json.loads(call.arguments)["command"] for call in calls_of(turn)]
    assert sorted(commands) == ["echo first", "echo second"]
    assert not [event for event in driver.events if event.type == "agent.unparsed"]


@pytest.mark.parametrize("make", [Claude, Codex, OpenCode])
async def test_what_ran_is_in_the_log(make: type[Claude | Codex | OpenCode], sandbox: Sandbox, models: ModelServer):
    models.names.alike = True
    async with driving(make, sandbox, executable=(make.__name__.lower(),)) as driver:
        await holds(driver)


async def test_what_amp_ran_is_in_the_log(sandbox: Sandbox, amps: AmpServer):
    amps.names.alike = True

    def make(spec: AgentSpec) -> Amp:
        dialect = Amp(evolve(spec, permission_mode="bypass", hook=Hook(str(sandbox.home), ("false",))))
        for name, file in dialect.launch().files.items():
            Path(sandbox.home, name).write_bytes(file.content)
        return dialect

    async with driving(make, sandbox, executable=("amp",)) as driver:
        await holds(driver)
