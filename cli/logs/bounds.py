"""Bounds of what a line tells. It is rendered where it is logged, on the event loop too, and rendering a text of a
megabyte takes longer than the loop may be held up."""

from collections.abc import MutableMapping
from typing import Any

MAX_TEXT = 16 << 10
"""Characters of one field, or of a library's message: most tracebacks have less, and it takes no 2 ms."""


def bounded(_logger: object, _method: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor. Of a text that is too long its beginning and its end are told: a traceback says at its end
    what it is about."""
    for name, value in said.items():
        if isinstance(value, (str, bytes)) and len(value) > MAX_TEXT:
            said[name] = shortened(value)
    return said


def shortened(text: str | bytes) -> str:
    half = MAX_TEXT // 2
    first, last = text[:half], text[-half:]
    if isinstance(first, bytes):
        first = first.decode(errors="backslashreplace")
    if isinstance(last, bytes):
        last = last.decode(errors="backslashreplace")
    return f"{first} … ({len(text)} in all) … {last}"
