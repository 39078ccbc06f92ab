"""Amp's messages to items. They come whole and without ids, so they are numbered; only tool calls have ids."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from ...items import ContentPart, JsonPart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from ..effects import Effect, ItemCompleted, Unparsed
from ..json_lines import BAD_JSON, MOST_PARTS, as_text, decode, elements, members, plain, untold
from ..names import Names
from ..open_calls import Calls, doubt
from .files import called_files, touched_files
from .wire import AssistantLine, Block, UserLine

_SPOKEN = ("output", "content", "summary", "diff")
"""The members of a result that is an object, the first of which is its text."""


class Conversation:
    """``prefix`` makes the ids of messages unique among the processes of a session."""

    def __init__(self, prefix: str, names: Names) -> None:
        self._prefix = prefix
        self._messages = count(1)
        self._calls = Calls(names)

    def __repr__(self) -> str:
        return f"<Conversation calls={len(self._calls)}>"

    def turn_ended(self) -> None:
        self._calls.clear()

    def call_of(self, tool: str, arguments: Any, native_id: Any = None) -> str | None:
        """The call without a result that looks like this: hooks are not always told its id."""
        told = isinstance(native_id, str) and bool(native_id)
        known = self._calls.under_way(native_id) if told else self._calls.all()
        alike = [call for call in known if (call.tool, call.arguments) == (tool, arguments)]
        found = next((call for call in alike if not call.asked), alike[0] if alike else None)
        if found is not None:
            found.asked = True
            return found.name
        return native_id if told else None

    def assistant(self, line: AssistantLine, raw: bytes) -> Iterator[Effect]:
        message = f"{self._prefix}#{next(self._messages)}"
        parent: str | None = None
        bad: list[str] = []
        for index, said in enumerate(line.message.content[:MOST_PARTS]):
            try:
                block = decode(said, Block)
            except BAD_JSON as error:
                # Alone: what the rest of the line says may be that the turn ends.
                bad.append(str(error))
                continue
            if block.type == "tool_use":
                yield self._call(block, parent, raw)
                continue
            native_id = f"{message}.{index}"
            parent = parent or native_id
            match block.type:
                case "text":
                    yield ItemCompleted(native_id, "message", "assistant", (TextPart(block.text),), raw=raw)
                case "thinking":
                    part = ReasoningPart(block.thinking, "public")
                    yield ItemCompleted(native_id, "message", "assistant", (part,), raw=raw)
                case _:
                    yield ItemCompleted(native_id, "unknown", "assistant", (JsonPart(plain(said)),), raw=raw)
        if bad:
            count = f"{len(bad)} parts cannot be read, the first: " if len(bad) > 1 else ""
            yield Unparsed(count + bad[0], "amp message", raw)
        yield from untold(line.message.content, "amp message", raw)

    def _call(self, block: Block, parent: str | None, raw: bytes) -> Effect:
        arguments = plain(block.input)
        call = self._calls.open(block.id, block.name)
        # The files may hold the input once more, as a diff.
        self._calls.learn(call, block.name, arguments, 2 * len(bytes(block.input)))
        call.files = called_files(block.name, arguments)
        part = ToolCallPart(block.name, bytes(block.input).decode(), call.name)
        return ItemCompleted(call.name, "tool_call", "assistant", (part,), False, parent, raw=raw)

    def user(self, line: UserLine, raw: bytes) -> Iterator[Effect]:
        """Tool results. The rest repeats the prompt."""
        content = line.message.content
        if isinstance(content, str):
            return
        for said in content[:MOST_PARTS]:
            block = decode(said, Block)
            if block.type == "tool_result":
                yield self._result(block, raw)
        yield from untold(content, "amp message", raw)

    def _result(self, block: Block, raw: bytes) -> Effect:
        calls = self._calls.under_way(block.tool_use_id)
        name = calls[0].name if calls else self._calls.latest(block.tool_use_id)
        if calls:
            self._calls.close(calls[0])
        content = plain(block.content)
        facts = _facts(content)
        code = members(facts).get("exitCode")
        failed = bool(block.is_error) or (isinstance(code, int) and code != 0)
        parts: list[ContentPart] = [ToolResultPart(name, _text(content, facts))]
        if isinstance(code, int):
            parts.append(JsonPart({"exitCode": code}))
        elif members(facts).get("running") is True and isinstance(pid := members(facts).get("pid"), int):
            parts.append(JsonPart({"running": True, "pid": pid}))  # amp does not say when it ends
        if not failed:
            parts += touched_files(facts, calls[0].files if calls else ())
        return ItemCompleted(f"{name}#result", "tool_result", "tool", (*parts, *doubt(calls)), failed, name, raw=raw)


def _facts(content: Any) -> Any:
    """A result is a string, and often that string is JSON."""
    if isinstance(content, str) and content[:1] in ("{", "["):
        try:
            return plain(content.encode(errors="replace"))
        except BAD_JSON:
            return None
    return None if isinstance(content, str) else content


def _text(content: Any, facts: Any) -> str:
    for name in _SPOKEN:
        said = members(facts).get(name)
        if isinstance(said, str):
            return said
    texts = [said for part in elements(facts) if isinstance(said := members(part).get("text"), str)]
    return "\n".join(texts) if texts else as_text(content)
