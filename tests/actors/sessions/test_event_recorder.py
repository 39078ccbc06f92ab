"""The scribe: whatever an agent says becomes events that a client can read."""

import json

import msgspec
import pytest

from sandbox_agent.actors.journal.interface import Entry, SessionRow
from sandbox_agent.actors.journal.memory import MemoryJournal
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.sessions.event_recorder import EventRecorder
from sandbox_agent.schema.agents.effects import ItemCompleted, TurnEnded, TurnStarted
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.events import PermissionEventData
from sandbox_agent.schema.items import JsonPart
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.settings import Settings

from ..house import check_history, events_of, tail


def deepest() -> object:
    """As deep as the decoder lets JSON be: inside an event it is too deep for the encoder."""
    value: object = []
    low, high = 1, 1 << 17
    while high - low > 1:
        middle = (low + high) // 2
        try:
            value, low = msgspec.json.decode(b"[" * middle + b"]" * middle), middle
        except RecursionError:
            high = middle
    return value


async def recorder() -> tuple[EventRecorder, MemoryJournal]:
    clock = Clock()
    journal = MemoryJournal(Settings(), clock, "feed")
    row = SessionRow("s", "log", CreateSessionRequest("mock"), "/", 0)
    return EventRecorder(row, await journal.create(row), Codec(), clock, Redactor()), journal


async def test_json_that_is_too_deep_for_an_event_loses_its_content_and_no_event():
    deep = deepest()
    with pytest.raises(RecursionError):
        Codec().encode({"data": {"item": {"content": [deep]}}})
    writer, journal = await recorder()
    writer.draft(TurnStarted())
    writer.draft(ItemCompleted("a", "tool_result", "tool", (JsonPart(deep),)))
    writer.note("permission.requested", PermissionEventData("p", "act", "requested", {"input": [[deep]]}))
    writer.note("permission.resolved", PermissionEventData("p", "act", "reject", {"input": [[deep]]}))
    writer.draft(TurnEnded(metadata={"usage": [[deep]]}))
    await journal.write(Entry("s", events=writer.take()))
    ((_, log),) = await journal.rows()
    events = events_of(log)
    check_history(events)
    assert [e["type"] for e in events][:3] == ["turn.started", "item.started", "item.completed"]
    part = events[2]["data"]["item"]["content"][0]
    assert part == {"type": "status", "label": "content.unencodable", "detail": "nested too deep"}
    assert json.loads(tail(log)[-1].plain)["type"] == "turn.ended"
