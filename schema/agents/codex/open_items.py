"""Which item codex means by an id.

The ids of messages and calls are the model's, and some gateways give all of them the same. What codex says about an
item besides tells them apart: its thread and turn, its kind, when it started, and what the tool is called with.
"""

from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from ...bounds import bounded_id
from ..json_lines import as_text
from ..names import Names
from ..open_calls import narrowed
from ..remembered import Remembered
from .tools import Item, bare_command, subject

KEPT_OUTPUT_CHARS = 1 << 18
"""How much of a tool's output is kept for the day that its turn ends before the tool does."""

_KINDS = {
    "item/commandExecution/requestApproval": "commandExecution",
    "item/fileChange/requestApproval": "fileChange",
}
"""The kinds of items that requests ask about."""


@define
class Output:
    text: list[str] = field(factory=list[str])
    chars: int = 0

    def add(self, delta: str) -> int:
        """How much more is kept."""
        if self.chars >= KEPT_OUTPUT_CHARS:
            return 0
        self.text.append(delta)
        self.chars += len(delta)
        return len(delta)


@frozen
class Place:
    """What codex names an item by. Without a thread it may be of any."""

    item: str
    thread: str

    @classmethod
    def of(cls, item_id: str, thread: str) -> "Place":
        return cls(bounded_id(item_id), bounded_id(thread))

    @classmethod
    def told_in(cls, params: dict[str, Any]) -> "Place":
        return cls.of(as_text(params.get("itemId") or ""), as_text(params.get("threadId") or ""))

    def may_be(self, other: "Place") -> bool:
        return self.is_named(other.item, other.thread)

    def is_named(self, item: str, thread: str) -> bool:
        """As :meth:`may_be`, without a place: each delta is asked for, and one costs more than all the rest."""
        return self.item == item and (self.thread == thread or not thread or not self.thread)


@define(eq=False)
class Begun:
    """An item under way. ``name`` is ours, ``output`` what a tool that runs has printed, ``changes`` what a patch does:
    the request to approve it does not say. ``process`` is codex's name of a program that may outlive its turn.

    An item may span turns, and no item of ours does: it goes on in another, its next ``part``. ``cut``: that has not
    begun. ``again``: codex has said before that it is complete."""

    name: str
    place: Place
    turn: str
    kind: str
    started: Any
    subject: Any = None
    output: Output | None = None
    changes: Any = None
    process: str | None = None
    part: int = 1
    cut: bool = False
    again: bool = False

    @property
    def shown(self) -> str:
        """The name of the part."""
        return self.name if self.part == 1 else f"{self.name}#{self.part}"

    @property
    def result(self) -> str:
        """The name of the result of a call, of this part."""
        return f"{self.name}#result" if self.part == 1 else f"{self.name}#result{self.part}"

    @property
    def about(self) -> str:
        """What a command is."""
        return bare_command(self.subject[0]) if self.kind == "commandExecution" else ""

    @property
    def is_patch(self) -> bool:
        return self.kind == "fileChange"


@define
class _Ended:
    name: str
    mark: tuple[str, str, Any]
    completed: Any


class BegunItems:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._begun = Remembered[Begun]()
        self._ended = Remembered[_Ended]()

    def __repr__(self) -> str:
        return f"<BegunItems {len(self._begun)}>"

    def begin(self, item: Item, thread: str, turn: str, size: int) -> Begun:
        """The item that codex says has started; a known one when it says so again."""
        kind, started, about = item["type"], item.get("startedAtMs"), subject(item)
        for begun in self.under_way(item["id"], thread):
            if (begun.kind, begun.started, begun.subject) == (kind, started, about):
                return begun
        name = self._names.give(item["id"])
        begun = Begun(name, Place.of(item["id"], thread), turn, kind, started, about)
        process = item.get("processId")
        if kind == "commandExecution" and isinstance(process, str):
            begun.process = bounded_id(process)
        self._begun.put(begun.name, begun, size)
        return begun

    def end(self, item: Item, thread: str, turn: str) -> Begun:
        """The item that codex says is complete, which is under way no more."""
        place, started = Place.of(item["id"], thread), item.get("startedAtMs")
        known = self._meant(place, item["type"], started, subject(item))
        mark, completed = (turn, item["type"], started), item.get("completedAtMs")
        if known:
            begun = known[0]
            self._begun.pop(begun.name)
        else:
            ended = self._ended.get(_key(place))
            again = ended is not None and ended.mark == mark and _agree(ended.completed, completed)
            name = ended.name if again and ended is not None else self._names.give(item["id"])
            begun = Begun(name, place, turn, item["type"], started, subject(item), again=again)
        self._ended.put(_key(place), _Ended(begun.name, mark, completed))
        return begun

    def named(self, item_id: str, thread: str, turn: str, kind: str) -> Begun | None:
        """The item that codex says more of. It may not have said that it started. None when it has ended."""
        item, where = bounded_id(item_id), bounded_id(thread)
        for begun in reversed(self._begun.values()):
            if begun.place.is_named(item, where):
                return begun
        ended = self._ended.get(_key(Place(item, where)))
        if ended is not None and ended.mark[0] == turn:
            return None
        return self.begin({"id": item_id, "type": kind}, thread, turn, 0)

    def all(self) -> list[Begun]:
        return self._begun.values()

    def under_way(self, item_id: str, thread: str) -> list[Begun]:
        place = Place.of(item_id, thread)
        return [begun for begun in self._begun.values() if begun.place.may_be(place)]

    def command(self, item_id: str, thread: str) -> str | None:
        """The command of that id that runs; none when there are several."""
        running = [begun.name for begun in self.under_way(item_id, thread) if begun.kind == "commandExecution"]
        return running[0] if len(running) == 1 else None

    def patches(self, place: Place) -> list[Any]:
        """The changes of each patch that codex has named so and that is under way."""
        return [begun.changes for begun in self._begun.values() if begun.is_patch and begun.place.may_be(place)]

    def asked_about(self, method: str, params: dict[str, Any]) -> list[Begun]:
        """The items that a human may be asked about."""
        kind, place = _KINDS.get(method), Place.told_in(params)
        begun = self.meant(params, kind) if kind is not None else []
        if begun or kind == "fileChange":
            return begun
        return self.under_way(place.item, place.thread)[-1:]

    def meant(self, params: dict[str, Any], kind: str) -> list[Begun]:
        """The items of a kind that a request or an update may be about. A request's ``startedAtMs`` is when codex began
        to ask, some milliseconds after the item's: it tells no item from another."""
        return self._meant(Place.told_in(params), kind, None, subject({**params, "type": kind}))

    def _meant(self, place: Place, kind: str, started: Any, about: Any) -> list[Begun]:
        """Those with the same call. The time of the start may be another's: codex keeps it by the id, too. Of what has
        no call to tell it by, those with that time."""
        known = [
            begun
            for begun in self._begun.values()
            if begun.kind == kind
            and begun.place.may_be(place)
            and (begun.subject == about if about is not None else _agree(begun.started, started))
        ]
        return narrowed(known, lambda begun: begun.started == started)

    def grew(self, begun: Begun, chars: int) -> None:
        self._begun.grew(begun.name, chars)

    def stop(self, goes_on: Callable[[Begun], bool]) -> list[Begun]:
        """All that is under way and does not go on. What codex may still say of it is of something that ended."""
        stopped = [begun for begun in self._begun.values() if not goes_on(begun)]
        for begun in stopped:
            self._ended.put(_key(begun.place), _Ended(begun.name, (begun.turn, begun.kind, begun.started), None))
            self._begun.pop(begun.name)
        return stopped


def _key(place: Place) -> str:
    return bounded_id(f"{place.thread} {place.item}")


def _agree(one: Any, other: Any) -> bool:
    """Two times, of which one may not be told."""
    return one is None or other is None or one == other
