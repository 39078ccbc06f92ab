"""What an agent says of an item, made to fit: names and ids in its content are bounded, and its size is known."""

from collections.abc import Sequence

import msgspec
from attrs import evolve

from ..bounds import MAX_ITEM_ID, MAX_NAME, bounded_id, shortened
from ..items import (
    ContentPart,
    FileRefPart,
    ImagePart,
    JsonPart,
    ReasoningPart,
    StatusPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)


def fitted(content: tuple[ContentPart, ...]) -> tuple[ContentPart, ...]:
    """The same parts where all of their names fit."""
    return tuple(map(_fitted, content))


def _fitted(part: ContentPart) -> ContentPart:
    match part:
        case ToolCallPart() if len(part.call_id) > MAX_ITEM_ID or len(part.name) > MAX_NAME:
            return evolve(part, call_id=bounded_id(part.call_id), name=shortened(part.name, MAX_NAME))
        case ToolResultPart() if len(part.call_id) > MAX_ITEM_ID:
            return evolve(part, call_id=bounded_id(part.call_id))
        case StatusPart() if len(part.label) > MAX_NAME:
            return evolve(part, label=shortened(part.label, MAX_NAME))
        case _:
            return part


def chars_of(content: Sequence[ContentPart]) -> int:
    """About how many characters of text it holds."""
    return sum(map(_chars_of, content))


def _chars_of(part: ContentPart) -> int:
    match part:
        case TextPart() | ReasoningPart():
            return len(part.text)
        case ToolCallPart():
            return len(part.arguments)
        case ToolResultPart():
            return len(part.output)
        case FileRefPart():
            return len(part.path) + len(part.diff or "")
        case ImagePart():
            return len(part.path)
        case StatusPart():
            return len(part.detail or "")
        case JsonPart():
            try:
                return len(msgspec.json.encode(part.json))
            except (RecursionError, UnicodeError, msgspec.MsgspecError):
                return 0  # it will not be told either
