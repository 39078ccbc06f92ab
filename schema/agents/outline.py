"""The outline of JSON text that is nested too deeply to be decoded: enough to tell who asks, so that it can be refused.

An agent that asks and gets no answer waits for ever, and its turn with it.
"""

import re
from typing import Any

import msgspec

LEVELS = 4
"""Levels of objects whose members are told."""

MOST_TOKENS = 16_000
"""How far the text is read: some milliseconds. The agents say who asks before they say what."""

MAX_TEXT = 4096
"""Characters of it that are shown."""

TOO_DEEP = "its input is nested too deeply to be shown"

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)


def outline(text: bytes) -> dict[str, Any]:
    """The members of the outermost objects, without arrays and without what stands deeper. Of text that is no JSON, or
    that ends early, what was read of it."""
    found: dict[str, Any] = {}
    open_: list[dict[str, Any] | None] = []  # None: an array, or an object that is too deep
    keys: list[bytes | None] = []
    for count, match in enumerate(_TOKEN.finditer(text)):
        token = match[0]
        if count >= MOST_TOKENS:
            break
        if token in (b"{", b"["):
            outer = open_[-1] if open_ else None
            inner: dict[str, Any] | None = None
            if token == b"{" and not open_:
                inner = found
            elif token == b"{" and outer is not None and len(open_) < LEVELS and keys[-1] is not None:
                inner = outer[_text(keys[-1])] = {}
            open_.append(inner)
            keys.append(None)
        elif token in (b"}", b"]"):
            if not open_:
                break
            open_.pop()
            keys.pop()
        elif token == b",":
            if keys:
                keys[-1] = None
        elif token != b":" and open_ and (members := open_[-1]) is not None:
            if keys[-1] is None:
                keys[-1] = token
            else:
                members[_text(keys[-1])] = _value(token)
    return found


def _text(token: bytes) -> str:
    value = _value(token)
    return value if isinstance(value, str) else token.decode(errors="replace")


def _value(token: bytes) -> Any:
    try:
        return msgspec.json.decode(token)
    except (msgspec.MsgspecError, UnicodeError):
        return None
