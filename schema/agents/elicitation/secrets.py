"""Which field of a form is a secret.

MCP has no mark for one, and its clients keep the marks of others from us: claude and codex refuse a form with a field
of ``format: "password"``, and leave out ``writeOnly`` and ``isSecret``. What is left is what the field is called.
"""

import re
from typing import Any

from ...bounds import MAX_NAME

_SECRETS = frozenset({"password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "credentials"})

_KEYS = frozenset({"api", "access", "private", "secret", "auth", "encryption"})
"""What a key is of that is a secret."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def is_marked(said: dict[str, Any]) -> bool:
    return said.get("format") == "password" or said.get("writeOnly") is True or said.get("isSecret") is True


def is_called_secret(called: str) -> bool:
    """The last word says what it is: ``dbPassword`` and ``API key`` are secrets, a `token count` is none."""
    words = [word.lower() for word in _WORD.findall(called[:MAX_NAME])]
    last, before = words[-1:], words[-2:-1]
    return not _SECRETS.isdisjoint(last) or (last == ["key"] and not _KEYS.isdisjoint(before))
