"""JSON from outside, decoded within bounds.

Decoding a text that is nested a thousand deep exhausts the interpreter's stack. A text that is nested a little less
does so later, where it is wrapped once more: when it is stored or read back. So it is refused where it comes in.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

MAX_DEPTH = 128
"""How deep arrays and objects may be nested: as in serde_json, which some of the agents use."""

TOO_DEEP = f"arrays and objects are nested more than {MAX_DEPTH} deep"

_ARRAY = ord("[")

BAD_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""The exceptions of decoding."""


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
    """Whether the text may be nested too deeply. False when it has too few brackets, as nearly all texts have."""
    if isinstance(text, str):
        return text.count("[") + text.count("{") > MAX_DEPTH
    # Counting takes ten times as long as finding that there is none.
    arrays = text.count(b"[") if _ARRAY in text else 0
    return arrays + text.count(b"{") > MAX_DEPTH


def check_depth(value: Any) -> None:
    """Raises :class:`RecursionError` for a text that is nested too deeply, without recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _members(outer)]
    if any(isinstance(inner, (dict, list)) for inner in level):
        raise RecursionError(TOO_DEEP)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()
