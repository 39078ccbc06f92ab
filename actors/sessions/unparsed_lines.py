"""Unparsed lines: lines that a dialect does not understand are told one by one while they are few, and together when
they are many.

Each event takes hundreds of bytes, and such a line may be a single letter: 400 KB of them made a journal of 78 MB.
"""

from attrs import evolve

from ...schema.agents.effects import Unparsed

KEPT = 4096
"""Bytes that are kept of the first of many such lines."""


class UnparsedLines:
    """``burst`` lines are told at once, then ``per_second``."""

    def __init__(self, burst: int, per_second: float, now: float) -> None:
        self._burst = max(burst, 1)
        self._per_second = per_second
        self._left = float(self._burst)
        self._at = now
        self._first: Unparsed | None = None
        self._count = 0
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<UnparsedLines left={self._left:.0f} waiting={self._count}>"

    def add(self, told: Unparsed, now: float) -> Unparsed | None:
        """What is to be told now about this line and those that wait; None when this one waits too."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left >= 1 and not self._count:
            self._left -= 1
            return told
        if self._first is None:
            self._first = evolve(told, raw=told.raw and told.raw[:KEPT])
        self._count += 1
        self._bytes += len(told.raw or b"")
        if self._left < 1:
            return None
        self._left -= 1
        return self.rest()

    def rest(self) -> Unparsed | None:
        """The lines that wait, in one event."""
        first, count, size = self._first, self._count, self._bytes
        self._first, self._count, self._bytes = None, 0, 0
        if first is None or count == 1:
            return first
        return evolve(first, error=f"{count} lines of {size} bytes in all, of which the first is kept: {first.error}")
