"""What a dialect remembers of an agent by ids of the agent's, within bounds: the oldest is forgotten first.

Much is kept until something else is said of it, a call until its result for one, and that may never be.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")

MOST = 1000
"""Ids."""

MOST_CHARS = 8 << 20
"""Characters of all together."""


class Remembered(Generic[V]):
    """Ids that are long should be bounded before (``bounds.bounded_id``)."""

    def __init__(self, most: int = MOST, most_chars: int = MOST_CHARS) -> None:
        self._most = most
        self._most_chars = most_chars
        self._chars = 0
        self._known: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Remembered {len(self._known)}, {self._chars} characters>"

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def put(self, name: str, value: V, chars: int = 0) -> None:
        """``chars`` is how much text ``value`` holds. It counts as new, also when it replaces another."""
        self.pop(name)
        self._known[name] = value, chars + len(name)
        self._chars += chars + len(name)
        while len(self._known) > self._most or (self._chars > self._most_chars and len(self._known) > 1):
            _, (_, size) = self._known.popitem(last=False)
            self._chars -= size

    def get(self, name: str) -> V | None:
        found = self._known.get(name)
        return found[0] if found is not None else None

    def pop(self, name: str) -> V | None:
        found = self._known.pop(name, None)
        if found is None:
            return None
        self._chars -= found[1]
        return found[0]

    def grew(self, name: str, chars: int) -> None:
        """The value of that name holds so many more."""
        if (found := self._known.get(name)) is not None:
            self.put(name, found[0], found[1] - len(name) + chars)

    def values(self) -> list[V]:
        return [value for value, _ in self._known.values()]

    def items(self) -> list[tuple[str, V]]:
        return [(name, value) for name, (value, _) in self._known.items()]

    def clear(self) -> None:
        self._known.clear()
        self._chars = 0
