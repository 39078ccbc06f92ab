"""The universal event: the envelope and the data of each type (wire 0.1, section 5). A new type is named in
:data:`EventType`, and gets a line in :data:`EVENT_KINDS`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from attrs import frozen

from .approvals.decided_by import DecidedBy
from .fields import optional
from .items import UniversalItem

EventType = Literal[
    "session.started",
    "session.ended",
    "turn.started",
    "turn.ended",
    "item.started",
    "item.delta",
    "item.completed",
    "error",
    "permission.requested",
    "permission.resolved",
    "question.requested",
    "question.resolved",
    "agent.unparsed",
]
EventSource = Literal["agent", "daemon"]
SessionEndReason = Literal["completed", "error", "terminated"]
TerminatedBy = Literal["agent", "daemon"]
TurnPhase = Literal["started", "ended"]
TurnOutcome = Literal["completed", "failed", "interrupted"]
PermissionStatus = Literal["requested", "accept", "accept_for_session", "reject"]
QuestionStatus = Literal["requested", "answered", "rejected"]
QuestionKind = Literal["choice", "text", "number", "integer", "json", "url"]


@frozen
class SessionStartedData:
    metadata: Any = None


@frozen
class StderrOutput:
    """The end of what the agent printed on its terminal; ``head`` is all of it unless ``truncated``."""

    head: str | None = optional()
    tail: str | None = optional()
    truncated: bool = False
    total_lines: int | None = optional()


@frozen
class SessionEndedData:
    reason: SessionEndReason
    terminated_by: TerminatedBy
    message: str | None = optional()
    exit_code: int | None = optional()
    stderr: StderrOutput | None = optional()


@frozen
class TurnError:
    """Why a turn failed. The error event with this code stands in the turn, where one was told; ``message`` is at most
    4096 characters of what it said. ``unknown``: the agent told no code, or nothing at all."""

    code: str
    message: str


@frozen
class TurnMetadata:
    """Of an ended turn. ``error`` is there when the outcome is ``failed``, whatever the agent and the reason, and only
    then. ``usage``, ``cost_usd`` and more are there where the agent tells them."""

    outcome: TurnOutcome | None = optional()
    error: TurnError | None = optional()


@frozen
class TurnEventData:
    phase: TurnPhase
    turn_id: str | None = optional()
    metadata: Any = optional(shape=TurnMetadata)


@frozen
class ItemEventData:
    item: UniversalItem


@frozen
class ItemDeltaData:
    item_id: str
    native_item_id: str | None
    delta: str


@frozen
class ErrorData:
    """``details.retryable`` is true when the agent goes on by itself; such an error ends no turn stream."""

    message: str
    code: str | None = None
    details: Any = None


@frozen
class PermissionEventData:
    """``decided_by`` (ours) is there when it is resolved. ``input_digest`` (ours) is what a reply may bring, to
    count for exactly what was asked; ``metadata.always`` (ours) tells what an `always` would allow."""

    permission_id: str
    action: str
    status: PermissionStatus
    metadata: Any = None
    input_digest: str | None = optional()
    decided_by: DecidedBy | None = optional()


@frozen
class QuestionOption:
    label: str
    description: str | None = optional()


@frozen
class QuestionPart:
    """One question of several that are asked together; our addition to wire 0.1, which has room for one.

    The rest is there where the answer is checked: of a field of a form, by its ``name``. An answer is one text, a
    number in digits, JSON text, or labels of the options (``choice``, and ``url``, which also has the address to
    open). No answer is ``default``, or leaves the field out unless it is ``required``. The bounds are the field's own:
    of a number, of a text's characters, of how many labels are chosen. The answer to what is ``secret`` goes to the
    agent and is neither kept nor shown."""

    question: str
    options: tuple[QuestionOption, ...]
    header: str | None = optional()
    multi_select: bool = False
    name: str | None = optional()
    kind: QuestionKind | None = optional()
    required: bool | None = optional()
    secret: bool | None = optional()
    url: str | None = optional()
    default: tuple[str, ...] | None = optional()
    format: str | None = optional()
    minimum: float | None = optional()
    maximum: float | None = optional()
    min_length: int | None = optional()
    max_length: int | None = optional()
    min_items: int | None = optional()
    max_items: int | None = optional()


@frozen
class Elicitation:
    """An MCP server asks, and not the agent. ``message`` is what it says about the whole form."""

    server: str
    message: str


@frozen
class QuestionEventData:
    """``prompt``, ``options`` and ``response`` are the first question's, as in wire 0.1; ``questions`` and
    ``answers`` hold all of them, in the order in which a reply must answer. ``decided_by`` (ours) is there when it is
    resolved. Of an ``elicitation`` (ours) the prompt begins with its message."""

    question_id: str
    prompt: str
    options: tuple[str, ...]
    response: str | None
    status: QuestionStatus
    questions: tuple[QuestionPart, ...] | None = optional()
    answers: tuple[tuple[str, ...], ...] | None = optional()
    input_digest: str | None = optional()
    decided_by: DecidedBy | None = optional()
    redacted: bool | None = optional()
    elicitation: Elicitation | None = optional()


@frozen
class AgentUnparsedData:
    """Something that the dialect does not know. ``location`` says where it stood; the event's raw is what it said."""

    error: str
    location: str
    raw_hash: str | None = None


EventData = (
    TurnEventData
    | SessionStartedData
    | SessionEndedData
    | ItemEventData
    | ItemDeltaData
    | ErrorData
    | PermissionEventData
    | QuestionEventData
    | AgentUnparsedData
)


@frozen
class UniversalEvent:
    """``synthetic`` is true exactly when the daemon, not the agent, is the source. ``raw`` is the native message,
    and is null unless the reader asked for it."""

    event_id: str
    sequence: int
    time: str
    session_id: str
    native_session_id: str | None
    synthetic: bool
    source: EventSource
    type: EventType
    data: EventData
    raw: Any = None


@frozen
class EventKind:
    """``data`` is the class that events of the type carry. ``letter`` is how a journal keeps the type.

    That is a format on disk: a letter never changes its meaning and is never used again. A new type gets the next free
    lower-case letter, together with a new version of the journal's tables, so that an older daemon refuses the journal
    at its start instead of finding an unknown letter."""

    data: type[EventData]
    letter: str


EVENT_KINDS: Mapping[EventType, EventKind] = MappingProxyType(
    {
        "session.started": EventKind(SessionStartedData, "a"),
        "session.ended": EventKind(SessionEndedData, "b"),
        "turn.started": EventKind(TurnEventData, "c"),
        "turn.ended": EventKind(TurnEventData, "d"),
        "item.started": EventKind(ItemEventData, "e"),
        "item.delta": EventKind(ItemDeltaData, "f"),
        "item.completed": EventKind(ItemEventData, "g"),
        "error": EventKind(ErrorData, "h"),
        "permission.requested": EventKind(PermissionEventData, "i"),
        "permission.resolved": EventKind(PermissionEventData, "j"),
        "question.requested": EventKind(QuestionEventData, "k"),
        "question.resolved": EventKind(QuestionEventData, "l"),
        "agent.unparsed": EventKind(AgentUnparsedData, "m"),
    }
)
"""Of every event type, for encoders, decoders and the journal."""
