"""Tool calls that an agent has told and whose results it has not, by ids of the agent's that may be used again.

A result names its call by the id alone. Where calls under way share it, what else is known of them decides.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define

from ..bounds import bounded_id
from ..items import FileRefPart, StatusPart
from .names import Names
from .remembered import Remembered

T = TypeVar("T")


@define(eq=False)
class Call:
    """``name`` is ours. ``speaker`` is the name of the call that the caller, a sub-agent, was called by."""

    name: str
    native_id: str
    tool: str
    speaker: str | None = None
    arguments: Any = None
    asked: bool = False
    files: tuple[FileRefPart, ...] = ()

    def is_like(self, other: "Call") -> bool:
        return (self.tool, self.arguments) == (other.tool, other.arguments)


class Calls:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._open = Remembered[Call]()
        self._latest = Remembered[str]()

    def __repr__(self) -> str:
        return f"<Calls open={len(self._open)}>"

    def __len__(self) -> int:
        return len(self._open)

    def open(self, native_id: str, tool: str, speaker: str | None = None) -> Call:
        native_id = bounded_id(native_id)
        call = Call(self._names.give(native_id), native_id, tool, speaker)
        self._open.put(call.name, call)
        self._latest.put(native_id, call.name)
        return call

    def learn(self, call: Call, tool: str, arguments: Any, size: int) -> None:
        """``size`` is how many characters the arguments have."""
        call.tool, call.arguments = tool, arguments
        if call.name in self._open:
            self._open.put(call.name, call, size)

    def latest(self, native_id: str) -> str:
        """The name of the newest call of that id, also of one that is closed."""
        bounded = bounded_id(native_id)
        return self._latest.get(bounded) or bounded

    def under_way(self, native_id: str) -> list[Call]:
        """All of that id, the oldest first."""
        bounded = bounded_id(native_id)
        return [call for call in self._open.values() if call.native_id == bounded]

    def all(self) -> list[Call]:
        return self._open.values()

    def close(self, call: Call) -> None:
        self._open.pop(call.name)

    def clear(self) -> None:
        self._open.clear()


def narrowed(things: list[T], *rules: Callable[[T], bool]) -> list[T]:
    """Those that each rule leaves. A rule that would leave none says nothing."""
    for rule in rules:
        things = [thing for thing in things if rule(thing)] or things
    return things


def doubt(calls: list[Call]) -> tuple[StatusPart, ...]:
    """What is to be told with a result that may be of any of these. None where it makes no difference."""
    if all(call.is_like(calls[0]) for call in calls[1:]):
        return ()
    names = ", ".join(call.name for call in calls)
    return (StatusPart("call.ambiguous", f"the agent gave one id to {names}: this is the result of one of them"),)
