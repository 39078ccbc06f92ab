"""The template that events are encoded by says what the schema says."""

import pytest

from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EventEncoder
from sandbox_agent.schema.events import (
    AgentUnparsedData,
    ErrorData,
    EventData,
    EventType,
    ItemDeltaData,
    ItemEventData,
    PermissionEventData,
    SessionEndedData,
    SessionStartedData,
    TurnEventData,
    UniversalEvent,
)
from sandbox_agent.schema.items import TextPart, UniversalItem

CODEC = Codec()
TIME = "2026-01-02T03:04:05.000006Z"
ITEM = UniversalItem("itm_1", "n", None, "message", "assistant", (TextPart("t"),), "completed")
DELTA = ItemDeltaData("itm_1", 'n"1', 'a "b"\n\\ é 😀 \x00')

EVENTS: tuple[tuple[EventType, EventData], ...] = (
    ("session.started", SessionStartedData({"a": [1]})),
    ("session.ended", SessionEndedData("error", "agent")),
    ("turn.started", TurnEventData("started", "turn_1")),
    ("item.started", ItemEventData(ITEM)),
    ("item.delta", DELTA),
    ("item.delta", ItemDeltaData("itm_1", None, "")),
    ("error", ErrorData("m")),
    ("permission.requested", PermissionEventData("p", "act", "requested", {"path": "/"})),
    ("agent.unparsed", AgentUnparsedData("e", "stdout")),
)


@pytest.mark.parametrize(("type_", "data"), EVENTS)
@pytest.mark.parametrize("synthetic", [True, False])
def test_an_event_is_encoded_as_its_class_is(type_: EventType, data: EventData, synthetic: bool):
    encoder = EventEncoder('s"1', CODEC)
    for native in (None, "native é", "another"):
        encoder.native_session_id = native
        for sequence in (1, 1 << 40):
            event = UniversalEvent(
                f"evt_{sequence}",
                sequence,
                TIME,
                's"1',
                native,
                synthetic,
                "daemon" if synthetic else "agent",
                type_,
                data,
            )
            got = encoder.encode(sequence, TIME, type_, data, synthetic=synthetic)
            assert got.plain == CODEC.encode(event)


def test_an_event_knows_what_it_costs_and_keeps_the_agents_words():
    encoder = EventEncoder("s", CODEC)
    bare = encoder.encode(1, TIME, "item.delta", DELTA, synthetic=False)
    event = encoder.encode(1, TIME, "item.delta", DELTA, synthetic=False, raw=b'{"a":1}')
    assert event.full == bare.head + b',"raw":{"a":1}}'
    assert bare.full == bare.plain == event.plain
    assert event.size == bare.size + len(b'{"a":1}')
    with pytest.raises(AttributeError):
        event.raw = None  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
