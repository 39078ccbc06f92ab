"""The tool calls under way, for the parts that tell them and for the asks about them.

A part has an id that is unique, a call the model's, which some gateways give to all of them. Where one message has two
calls of one id, opencode tells both in one part, by turns; what each is called with tells them apart.
"""

from typing import Any

from attrs import define

from ...bounds import bounded_id
from ..json_lines import as_text, members
from ..names import Names
from ..remembered import Remembered
from .wire import Part, Tool


@define(eq=False)
class Call:
    """``item`` and ``name`` are what we call its item, and the call. ``arguments`` are None until they are told,
    ``output`` is what it had printed when it was told last, ``diff`` what it would change, from the permission that it
    asked for: a finished ``write`` does not tell. ``refused``: a question that the human rejected."""

    message: str
    native_id: str
    name: str
    part: str = ""
    item: str = ""
    arguments: Any = None
    told: bool = False
    output: str = ""
    diff: str | None = None
    refused: bool = False


class Calls:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._running = Remembered[Call]()
        self._parts = Remembered[tuple[str, int]]()  # the first call of a part, and how many it has told

    def __repr__(self) -> str:
        return f"<Calls running={len(self._running)}>"

    def told_in(self, part: Part, size: int) -> Call:
        """The call that a part tells of now. ``size`` is how many characters it has."""
        state, part_id = members(part.state), bounded_id(part.id)
        message, native_id = bounded_id(part.message_id), bounded_id(as_text(part.call_id))
        known = [call for call in self._running.values() if call.part == part_id] or [
            call for call in self._of(message, native_id) if not call.part
        ][:1]
        status, arguments = state.get("status"), state.get("input")
        call = known[0] if known else None
        if status != "pending":
            fitting = [call for call in known if call.arguments == arguments]
            fitting = fitting or [call for call in known if call.arguments is None]
            call = fitting[0] if fitting else None if status == "running" else call
        call = call or self._open(message, native_id, part_id)
        if not call.part:
            self._put_into(call, part_id)
        if status != "pending":
            call.arguments = arguments
            self._running.put(_key(call), call, size)
        return call

    def asked_about(self, tool: Tool | None, facts: dict[str, Any]) -> Call | None:
        """The call that asks; ``facts`` are what it says of itself."""
        if tool is None or not tool.call_id:
            return None
        message, native_id = bounded_id(tool.message_id), bounded_id(tool.call_id)
        known = self._of(message, native_id)
        fitting = [call for call in known if call.arguments is not None and _fits(facts, call.arguments)]
        fitting = fitting or [call for call in known if call.arguments is None]
        return fitting[0] if fitting else self._open(message, native_id, known[0].part if known else "")

    def diff(self, call: Call, diff: str) -> None:
        call.diff = diff
        self._running.grew(_key(call), len(diff))

    def grew(self, call: Call, chars: int) -> None:
        self._running.grew(_key(call), chars)

    def close(self, call: Call) -> None:
        self._running.pop(_key(call))

    def clear(self) -> None:
        self._running.clear()

    def _of(self, message: str, native_id: str) -> list[Call]:
        return [
            call
            for call in self._running.values()
            if call.native_id == native_id and (call.message == message or "" in (call.message, message))
        ]

    def _open(self, message: str, native_id: str, part_id: str) -> Call:
        first = self._parts.get(part_id) if part_id else None
        # Of a part that is over and told again, all is known: it gets no other names.
        again = first is not None and not any(call.part == part_id for call in self._running.values())
        name = first[0] if first is not None and again else self._names.give(native_id) if native_id else ""
        call = Call(message, native_id, name)
        if again:
            call.part = call.item = part_id
        elif part_id:
            self._put_into(call, part_id)
        self._running.put(_key(call), call)
        return call

    def _put_into(self, call: Call, part_id: str) -> None:
        self._running.pop(_key(call))
        name, count = self._parts.get(part_id) or (call.name, 0)
        self._parts.put(part_id, (name, count + 1))
        call.part = part_id
        call.item = f"{part_id}~{count + 1}" if count else part_id
        self._running.put(_key(call), call)


def _key(call: Call) -> str:
    return call.item or call.name


def _fits(facts: dict[str, Any], arguments: Any) -> bool:
    """Whether a permission may be about a call: none says the same thing in two ways."""
    said = members(arguments)
    return all(said[name] == value for name, value in facts.items() if name in said and isinstance(value, str))
