"""The table of event types: the data class of each, for encoders, decoders and the OpenAPI document, and the letter by
which a journal keeps it."""

from collections.abc import Mapping
from types import MappingProxyType

from .events import (
    AgentUnparsedData,
    ErrorData,
    EventData,
    EventType,
    ItemDeltaData,
    ItemEventData,
    PermissionEventData,
    QuestionEventData,
    SessionEndedData,
    SessionStartedData,
    TurnEventData,
)

DATA_CLASSES: Mapping[EventType, type[EventData]] = MappingProxyType(
    {
        "session.started": SessionStartedData,
        "session.ended": SessionEndedData,
        "turn.started": TurnEventData,
        "turn.ended": TurnEventData,
        "item.started": ItemEventData,
        "item.delta": ItemDeltaData,
        "item.completed": ItemEventData,
        "error": ErrorData,
        "permission.requested": PermissionEventData,
        "permission.resolved": PermissionEventData,
        "question.requested": QuestionEventData,
        "question.resolved": QuestionEventData,
        "agent.unparsed": AgentUnparsedData,
    }
)

LETTERS: Mapping[EventType, str] = MappingProxyType(
    {
        "session.started": "a",
        "session.ended": "b",
        "turn.started": "c",
        "turn.ended": "d",
        "item.started": "e",
        "item.delta": "f",
        "item.completed": "g",
        "error": "h",
        "permission.requested": "i",
        "permission.resolved": "j",
        "question.requested": "k",
        "question.resolved": "l",
        "agent.unparsed": "m",
    }
)
"""A format on disk: a letter never changes its meaning and is never used again. A new type gets the next free
lower-case letter, together with a new version of the journal's tables, so that an older daemon refuses the journal at
its start instead of finding an unknown letter."""
