"""Names of ours for what an agent names: its own id, and a numbered one where it uses an id again.

Ids come from the model's server, and some gateways give every call the same. An item that had the id of another would
be taken for that other, and would not be told.
"""

from collections.abc import Callable

from ..bounds import bounded_id
from .ledger import REMEMBERED_ITEMS
from .remembered import Remembered


class Names:
    """The names of one agent process. ``taken`` is whether the session's log has that name from before."""

    def __init__(self, taken: Callable[[str], bool]) -> None:
        self._taken = taken
        self._uses = Remembered[int](REMEMBERED_ITEMS)
        self._given = Remembered[None](REMEMBERED_ITEMS)

    def __repr__(self) -> str:
        return f"<Names {len(self._given)}>"

    def give(self, native_id: str) -> str:
        """A name that nothing else has."""
        bounded = bounded_id(native_id)
        uses = self._uses.get(bounded) or 0
        while True:
            uses += 1
            name = bounded if uses == 1 else f"{bounded}~{uses}"
            if name not in self._given and not self._taken(name):
                break
        self._uses.put(bounded, uses)
        self._given.put(name, None)
        return name
