"""JSON lines of an agent, whichever it is: read without trust, and written.

What an agent says may be anything; these helpers never raise on a shape, and decoding raises one known set of errors.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw

from ..bounds import shortened
from ..json_text import BAD_JSON as BAD_JSON
from ..json_text import check_depth, decode_json, may_be_deep
from .effects import Unparsed

T = TypeVar("T")

MAX_SAID = 4096
"""Characters of what an agent says about an ask beside what it asks."""

MOST_PARTS = 500
"""Parts of one message that are told: agents say some tens. Each costs hundreds of bytes, and may itself be ten."""


def decode(raw: bytes | Raw, cls: type[T]) -> T:
    """Raises one of :data:`BAD_JSON`. A :class:`msgspec.Raw` is part of something that was decoded."""
    if not isinstance(raw, Raw) and may_be_deep(raw):
        check_depth(msgspec.json.decode(raw))
    return msgspec.json.decode(raw, type=cls)


def plain(raw: bytes | Raw) -> Any:
    """JSON text as dicts and lists. Raises one of :data:`BAD_JSON`."""
    return msgspec.json.decode(raw) if isinstance(raw, Raw) else decode_json(raw)


def members(value: Any) -> dict[str, Any]:
    """A JSON object as it is; anything else has no members."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def elements(value: Any) -> list[Any]:
    """A JSON array as it is; anything else has no elements."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def number(value: Any) -> float:
    """A number as it is, a whole one as an int; anything else, also NaN, is 0."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value == value else 0


def as_text(value: Any) -> str:
    """A string as it is, anything else as JSON text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def fitting(value: Any, limit: int = MAX_SAID) -> Any:
    """A value as it is, unless it is longer than ``limit`` characters: then the beginning of its text."""
    text = as_text(value)
    return value if len(text) <= limit else shortened(text, limit)


def line(message: Any) -> bytes:
    """A line for an agent's stdin. :class:`msgspec.Raw` inside is written as it stands."""
    return msgspec.json.encode(message) + b"\n"


def untold(parts: Sequence[Any], location: str, raw: bytes) -> Iterator[Unparsed]:
    """What is to be told of a message that has more than ``MOST_PARTS``."""
    if len(parts) > MOST_PARTS:
        what = f"the message has {len(parts)} parts, of which the first {MOST_PARTS} are told"
        yield Unparsed(what, location, raw)
