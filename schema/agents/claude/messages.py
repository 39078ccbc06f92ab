"""Content blocks to items: what claude's messages say, block by block.

A message comes three times over: as stream events while the model speaks, as one ``assistant`` line per finished
block, and in the end once more as the ``result``. The first opens an item and the second closes it; the third is
left alone.
"""

from collections.abc import Iterator
from typing import Any

from attrs import define, field
from msgspec import Raw

from ...bounds import bounded_id
from ...items import (
    ContentPart,
    ImagePart,
    JsonPart,
    ReasoningPart,
    StatusPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ..effects import Effect, ItemCompleted, ItemDelta, ItemStarted, Unparsed
from ..json_lines import MOST_PARTS, as_text, decode, elements, plain, untold
from ..names import Names
from ..open_calls import Call, doubt
from ..remembered import Remembered
from .calls import ClaudeCalls
from .diff import file_refs
from .wire import AssistantLine, Block, Event, StreamLine, UserLine

INTERRUPTED = "[Request interrupted by user"
"""How claude tells the model of an interrupt; the turn's outcome tells the client."""


@define
class _Message:
    """The message that is being spoken. ``first`` is its first block's item: the parent of its tool calls. ``names``
    and ``calls`` are the items of blocks that are not told whole, by the block's index."""

    id: str
    open: int | None = None
    next: int = 0
    first: str | None = None
    names: dict[int, str] = field(factory=dict[int, str])
    calls: dict[int, Call] = field(factory=dict[int, Call])

    def take(self) -> int:
        """The index of the block that an ``assistant`` line completes; the line itself does not say it."""
        index = self.next if self.open is None else self.open
        self.open, self.next = None, index + 1
        return index


class Conversation:
    """The open message of the main conversation and of each sub-agent, by the tool call that started it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._main: _Message | None = None
        self._messages = Remembered[_Message]()
        self.calls = ClaudeCalls(names)

    def __repr__(self) -> str:
        return f"<Conversation speakers={len(self._messages)} {self.calls!r}>"

    def turn_ended(self) -> None:
        self._main = None
        self._messages.clear()
        self.calls.turn_ended()

    def _message(self, parent: str | None) -> _Message | None:
        return self._main if parent is None else self._messages.get(parent)

    def _open_message(self, message_id: str, parent: str | None) -> _Message:
        message = _Message(bounded_id(message_id))
        if parent is None:
            self._main = message
        else:
            self._messages.put(parent, message)
        return message

    def _name(self, message: _Message, index: int) -> str:
        return self._names.give(f"{message.id}#{index}")

    def streamed(self, line: StreamLine, raw: bytes) -> Iterator[Effect]:
        event, parent = line.event, self.calls.speaker(line.parent_tool_use_id, line.agent_id)
        message = self._message(parent)
        match event.type:
            case "content_block_delta":
                if message is not None and message.open == event.index and event.delta is not None:
                    text = event.delta.text or event.delta.thinking
                    if text and (native_id := message.names.get(event.index)) is not None:
                        yield ItemDelta(native_id, text, raw=raw)
            case "message_start" if event.message is not None:
                self._open_message(event.message.id, parent)
            case "content_block_start" if event.content_block is not None and message is not None:
                message.open = event.index
                yield from self._open(message, event, event.content_block, parent, raw)
            case "content_block_stop" | "message_delta" | "message_stop" | "ping":
                pass
            case other:
                yield Unparsed(f"unexpected stream event {other!r}", "claude stream_event", raw)

    def _open(self, message: _Message, event: Event, block: Block, parent: str | None, raw: bytes) -> Iterator[Effect]:
        if event.index in message.names or event.index in message.calls:
            return
        if len(message.names) + len(message.calls) >= MOST_PARTS:
            return  # the assistant line tells it
        match block.type:
            case "text" | "thinking":
                native_id = message.names[event.index] = self._name(message, event.index)
                message.first = message.first or native_id
                yield ItemStarted(native_id, "message", "assistant", (), parent, raw=raw)
            case "tool_use":
                call = message.calls[event.index] = self.calls.open(block, parent)
                part = ToolCallPart(block.name, "{}", call.name)
                yield ItemStarted(call.name, "tool_call", "assistant", (part,), parent or message.first, raw=raw)
            case _:
                pass  # the assistant line says the whole of it

    def assistant(self, line: AssistantLine, raw: bytes) -> Iterator[Effect]:
        parent = self.calls.speaker(line.parent_tool_use_id, line.agent_id)
        if line.error is not None:
            # No words of the model. The turn's result says them again as an error, but a sub-agent has no result.
            said = " ".join(decode(block, Block).text for block in line.message.content[:MOST_PARTS])
            part = StatusPart(f"error.{as_text(line.error)}", said)
            yield ItemCompleted(self._names.give(line.message.id), "status", "system", (part,), True, parent, raw=raw)
            return
        message = self._message(parent)
        if message is None or message.id != bounded_id(line.message.id):
            message = self._open_message(line.message.id, parent)
        for said in line.message.content[:MOST_PARTS]:
            yield self._complete(message, message.take(), said, parent, raw)
        yield from untold(line.message.content, "claude message", raw)

    def _complete(self, message: _Message, index: int, said: Raw, parent: str | None, raw: bytes) -> Effect:
        block = decode(said, Block)
        if block.type == "tool_use":
            return self._called(message, index, block, parent, raw)
        native_id = message.names.pop(index, None) or self._name(message, index)
        match block.type:
            case "text":
                parts: tuple[ContentPart, ...] = (TextPart(block.text),)
            case "thinking" | "redacted_thinking":
                parts = (ReasoningPart(block.thinking, "public" if block.type == "thinking" else "private"),)
            case _:
                content = (JsonPart(plain(said)),)
                return ItemCompleted(native_id, "unknown", "assistant", content, False, parent, raw=raw)
        message.first = message.first or native_id
        return ItemCompleted(native_id, "message", "assistant", parts, False, parent, raw=raw)

    def _called(self, message: _Message, index: int, block: Block, parent: str | None, raw: bytes) -> Effect:
        call = message.calls.pop(index, None) or self.calls.open(block, parent)
        self.calls.learn(call, block)
        part = ToolCallPart(block.name, bytes(block.input).decode(), call.name)
        return ItemCompleted(call.name, "tool_call", "assistant", (part,), False, parent or message.first, raw=raw)

    def user(self, line: UserLine, raw: bytes) -> Iterator[Effect]:
        """What claude tells the model in the user's name: tool results, a sub-agent's task, its own remarks."""
        if line.replayed:
            return
        content = line.message.content
        blocks = (
            [Block("text", text=content)]
            if isinstance(content, str)
            else [decode(said, Block) for said in content[:MOST_PARTS]]
        )
        facts, speaker = plain(line.tool_use_result), self.calls.speaker(line.parent_tool_use_id, line.agent_id)
        for index, block in enumerate(blocks):
            match block.type:
                case "tool_result":
                    yield self._result(block, facts, speaker, raw)
                case "text" if not block.text.startswith(INTERRUPTED):
                    native_id = f"{line.uuid}#{index}"
                    parts = (TextPart(block.text),)
                    if speaker is not None:
                        yield ItemCompleted(native_id, "message", "user", parts, False, speaker, raw=raw)
                    else:
                        yield ItemCompleted(native_id, "system", "system", parts, raw=raw)
                case _:
                    pass
        if not isinstance(content, str):
            yield from untold(content, "claude message", raw)

    def _result(self, block: Block, facts: Any, speaker: str | None, raw: bytes) -> Effect:
        calls = self.calls.result(block.tool_use_id, speaker, facts)
        name = calls[0].name if calls else self.calls.latest(block.tool_use_id)
        output, images = _read_result(plain(block.content))
        failed = bool(block.is_error)
        files = () if failed else file_refs(facts, calls[0].files if calls else ())
        return ItemCompleted(
            f"{name}#result",
            "tool_result",
            "tool",
            (ToolResultPart(name, output), *images, *files, *doubt(calls)),
            failed,
            name,
            raw=raw,
        )


def _read_result(content: Any) -> tuple[str, tuple[ImagePart, ...]]:
    """A tool result's text and images. What is neither is told as JSON."""
    if content is None or isinstance(content, str):
        return content or "", ()
    texts: list[str] = []
    images: list[ImagePart] = []
    for part in elements(content) if isinstance(content, list) else [content]:
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image", "source": {"type": "base64", "media_type": str(mime), "data": str(data)}}:
                images.append(ImagePart(f"data:{mime};base64,{data}", mime))
            case {"type": "image", "source": {"type": "url", "url": str(url)}}:
                images.append(ImagePart(url))
            case _:
                texts.append(as_text(part))
    return "\n".join(texts), tuple(images)
