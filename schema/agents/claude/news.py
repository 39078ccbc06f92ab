"""Claude's ``system`` lines of a subtype that we do not know.

Claude gains some with each release, and its schema asks to ignore what one does not recognize. None may be noise, and
none that has words for people may be lost: such a line becomes a status once, and again only when its words are others.
"""

from typing import Any

from ...items import StatusPart

MOST = 100
"""Subtypes that are remembered. What is unknown beyond that is told each time; it is no claude that speaks."""

LONGEST = 200
"""Characters of a subtype that are told, and of its words that are compared."""

_WORDS = ("content", "text", "message", "summary", "title", "description", "detail", "reason", "error", "status")
"""Members that hold words for people; the first that is there is told."""


class News:
    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<News {sorted(self._told)}>"

    def told(self, subtype: str, facts: dict[str, Any]) -> StatusPart | None:
        """None when it has been told."""
        label = subtype[:LONGEST]
        words = next((said for name in _WORDS if isinstance(said := facts.get(name), str) and said), "")
        beginning = words[:LONGEST]
        before = self._told.get(label)
        if before is not None and beginning in ("", before):
            return None
        if before is not None or len(self._told) < MOST:
            self._told[label] = beginning
        return StatusPart(label, words or None)
