"""JSON from outside, decoded within bounds.

Text that is nested a thousand deep exhausts the stack of whoever decodes it, and text that is nested a little less does
so later, where it is wrapped once more: when it is written down, or read back. So it is refused where it comes in.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

MAX_DEPTH = 128
"""Arrays and objects inside of one another; as serde_json, which some of the agents are built with, has it."""

TOO_DEEP = f"arrays and objects are nested more than {MAX_DEPTH} deep"

_ARRAY = ord("[")

BAD_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises."""


def decode_json(text: bytes | str) -> Any:
    """JSON text as dicts and lists. Raises one of :data:`BAD_JSON`."""
    try:
        value = msgspec.json.decode(text)
    except RecursionError as error:
        raise RecursionError(TOO_DEEP) from error
    if may_be_deep(text):
        check_depth(value)
    return value


def may_be_deep(text: bytes | str) -> bool:
    """False when it has too few brackets for that, as nearly all text has."""
    if isinstance(text, str):
        return text.count("[") + text.count("{") > MAX_DEPTH
    # To count takes ten times as long as to find none.
    arrays = text.count(b"[") if _ARRAY in text else 0
    return arrays + text.count(b"{") > MAX_DEPTH


def check_depth(value: Any) -> None:
    """Raises :class:`RecursionError`, without having recursed."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _members(outer)]
    if any(isinstance(inner, (dict, list)) for inner in level):
        raise RecursionError(TOO_DEEP)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
