"""Masks the texts of events and approvals, as they are stored and shown. An approval with masked texts says so.

Ids and names stay, so that an answer finds its question. What is sent back to an agent never comes from here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from attrs import evolve

from ..approvals.approval_data import ApprovalData
from ..codec import Codec
from ..encode import EncodedEvent
from ..events import QuestionEventData, QuestionOption
from .redactor import Redactor

_NAMES = frozenset({
    "item_id", "native_item_id", "parent_id", "turn_id", "permission_id", "question_id", "kind", "role", "status",
    "phase", "code", "reason", "terminated_by", "decided_by", "input_digest",
})  # fmt: skip
"""Members of an event's data and of its item that are ids, or whose values are the daemon's own words."""

_PART_NAMES = frozenset({"type", "call_id"})

_DATA = b',"data":'


def masked_events(
    redactor: Redactor, events: list[EncodedEvent], doubtful: list[EncodedEvent] | None = None
) -> list[EncodedEvent]:
    """Returns the same list when there is nothing to mask. ``doubtful`` are the events in which something may look like
    a secret, when not all may; the others are searched only for secrets whose text is known.

    All events are searched at once: for one event, the call costs more than the search."""
    closely = events if doubtful is None else doubtful
    if (closely and redactor.suspects(_joined(closely))) or (
        closely is not events and redactor.knows_secrets and redactor.suspects_known(_joined(events))
    ):
        return [masked_event(redactor, event) for event in events]
    return events


def _joined(events: list[EncodedEvent]) -> bytes:
    return b"".join([part for event in events for part in (event.head, event.raw or b"")])


def masked_event(redactor: Redactor, event: EncodedEvent) -> EncodedEvent:
    """Returns the same event when there is nothing to mask."""
    # The first match: a quotation mark inside a string is escaped.
    start = event.head.index(_DATA) + len(_DATA)
    before = event.head[start:]
    data = _masked_json(redactor, event, before) if redactor.suspects(before) else before
    if event.raw is None:
        raw = None
    elif data is before:
        raw = redactor.json(event.raw)
    else:  # also when a secret in it is written in a way in which no needle is found
        raw = redactor.masked_json(event.raw)
    if data is before and raw is event.raw:
        return event
    return EncodedEvent(event.sequence, event.type, event.ends_stream, event.head[:start] + data, raw)


def _masked_json(redactor: Redactor, event: EncodedEvent, data: bytes) -> bytes:
    value: dict[str, Any] = msgspec.json.decode(data)
    masked = masked_data(redactor, value)
    if masked == value:
        return data
    if event.type.startswith(("permission.", "question.")):
        masked = _told(masked)
    return msgspec.json.encode(masked)


def masked_data(redactor: Redactor, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event."""
    return {
        name: value
        if name in _NAMES
        else _masked_item(redactor, value)
        if name == "item"
        else redactor.value(value)
        for name, value in data.items()
    }  # fmt: skip


def _masked_item(redactor: Redactor, item: Mapping[str, Any]) -> dict[str, Any]:
    def part(members: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value if name in _PART_NAMES else redactor.value(value) for name, value in members.items()}

    masked: dict[str, Any] = {name: value if name in _NAMES else redactor.value(value) for name, value in item.items()}
    masked["content"] = [part(members) for members in item["content"]]
    return masked


def _told(ask: dict[str, Any]) -> dict[str, Any]:
    """Marks it: whoever decides must know that not all of it is shown."""
    if "question_id" in ask:
        return {**ask, "redacted": True}
    metadata = ask.get("metadata")
    known = cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}
    return {**ask, "metadata": {**known, "redacted": True}}


def masked_approval(redactor: Redactor, codec: Codec, ask: ApprovalData) -> ApprovalData:
    """An approval as it is shown: the same object when there is nothing to mask."""
    data = codec.encode(ask)
    if not redactor.suspects(data):
        return ask
    value: dict[str, Any] = msgspec.json.decode(data)
    masked = masked_data(redactor, value)
    if masked == value:
        return ask
    shown = codec.build(_told(masked), type(ask))
    return _with_distinct_labels(shown) if isinstance(shown, QuestionEventData) else shown


def _with_distinct_labels(ask: QuestionEventData) -> QuestionEventData:
    """Numbers labels that are masked alike: an answer names a label, so labels must differ."""
    if ask.questions is None:
        return evolve(ask, options=_distinct(ask.options))
    questions = tuple(evolve(part, options=_distinct_options(part.options)) for part in ask.questions)
    first = tuple(option.label for option in questions[0].options) if questions else ask.options
    return evolve(ask, options=first, questions=questions)


def _distinct_options(options: Sequence[QuestionOption]) -> tuple[QuestionOption, ...]:
    labels = _distinct([option.label for option in options])
    return tuple(evolve(option, label=label) for option, label in zip(options, labels, strict=True))


def _distinct(labels: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    distinct: list[str] = []
    for label in labels:
        count = seen[label] = seen.get(label, 0) + 1
        distinct.append(label if count == 1 else f"{label} ({count})")
    return tuple(distinct)


def unmasked_answers(
    shown: QuestionEventData, asked: QuestionEventData, answers: Sequence[Sequence[str]]
) -> tuple[tuple[str, ...], ...]:
    """Replaces labels that were shown by the agent's own. Every other text stays as the human wrote it."""
    parts = zip(shown.questions or (), asked.questions or (), strict=True)
    labels = [
        {after.label: before.label for after, before in zip(one.options, other.options, strict=True)}
        for one, other in parts
    ] or [dict(zip(shown.options, asked.options, strict=True))]
    return tuple(
        tuple(named.get(label, label) for label in given) for given, named in zip(answers, labels, strict=False)
    )
