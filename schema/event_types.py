"""Which data class each event type carries: the one table that encoders, decoders and the OpenAPI document read."""

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
