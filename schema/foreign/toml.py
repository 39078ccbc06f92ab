"""TOML within bounds: texts that would make the parser of the standard library slow are refused.

That parser is written in Python, and keeps every prefix of a dotted key: one key of 20,000 parts, 40 KB, takes 1.5 GB.
Each key in a table walks through all parts of the table's name.
"""

import tomllib
from typing import Any

from .not_readable import NotReadable

MAX_TOML_BYTES = 128 << 10
"""Most characters: a third of a second of parsing. A codex file with a thousand trusted projects has half of it."""

MAX_TABLE_DOTS = 64
MAX_STEPS = 4_000_000
"""The bound of the sum, over all lines, of the square of the dots in a line: no key continues on a second line. A text
of 100 KB on one line has half of it."""


def parse_toml(data: bytes) -> dict[str, Any]:
    """Raises :class:`NotReadable`."""
    if len(data) > MAX_TOML_BYTES:
        raise NotReadable(f"is longer than {MAX_TOML_BYTES} bytes, the most TOML that is parsed")
    try:
        text = data.decode()
        if _is_costly(text):
            raise NotReadable("has a key of too many parts")
        return tomllib.loads(text)
    except NotReadable:
        raise
    except (ValueError, RecursionError) as error:
        raise NotReadable("is not TOML") from error


def _is_costly(text: str) -> bool:
    """The sum for this text. Quotes around a key, or a string before it, change nothing: all dots are counted."""
    steps = 0
    for line in text.split("\n"):
        dots = line.count(".")
        steps += dots * dots
        if dots > MAX_TABLE_DOTS and line.lstrip(" \t").startswith("["):
            return True
    return steps > MAX_STEPS
