"""The formats of text that MCP 2025-11-25 has, as far as a mistake in one is certain."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

_EMAIL = re.compile(r"[^@\s]{1,256}@[^@\s]{1,256}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}:\S+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    if _DATE_TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True


CHECKS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "email": ("an email address", lambda text: _EMAIL.fullmatch(text) is not None),
    "uri": ("a URI, such as https://example.com", lambda text: _URI.fullmatch(text) is not None),
    "date": ("a date, such as 2026-01-31", _is_date),
    "date-time": ("a date with its time, such as 2026-01-31T12:00:00Z", _is_date_time),
}
"""What a text of the format is, and whether one is."""
