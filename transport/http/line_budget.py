"""A budget of log lines for each address, so that a client can neither fill the disk nor displace other lines."""

import math

from .admission import network

WINDOW = 10.0
"""Seconds in which an address has its lines."""
TOLD = 8
"""Most addresses that are named when lines were left out; the others are summed."""


class LineBudget:
    """``most`` lines of one address in :data:`WINDOW` seconds; 0 for no bound. An address is a client's network, as
    for admission. Holds one number for each address of the window."""

    def __init__(self, most: int) -> None:
        self._most = most or math.inf
        self._ends = -math.inf
        self._lines: dict[str, int] = {}
        self._omitted: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<LineBudget {self._most} lines, {sum(self._omitted.values())} left out>"

    def take(self, address: str, now: float) -> bool:
        """Whether a line of ``address`` may be written; if not, it is counted. ``now`` in seconds of any clock."""
        if now >= self._ends:
            self._lines.clear()
            self._ends = now + WINDOW
        name = network(address)
        self._lines[name] = count = self._lines.get(name, 0) + 1
        if count <= self._most:
            return True
        self._omitted[name] = self._omitted.get(name, 0) + 1
        return False

    def report(self) -> list[tuple[str, int]]:
        """How many lines of each address were left out, most first; resets the counts. At most :data:`TOLD` + 1
        entries."""
        ordered = sorted(self._omitted.items(), key=lambda entry: -entry[1])
        self._omitted = {}
        rest = ordered[TOLD:]
        return ordered[:TOLD] + ([(f"{len(rest)} others", sum(count for _, count in rest))] if rest else [])
