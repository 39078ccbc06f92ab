"""The Anthropic Messages API, as far as a client that streams needs it (`POST /v1/messages`)."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from itertools import count
from typing import Any

import trio

from .conversation import Block, Conversation, Failure, Image, Reply, Text, Thinking, ToolCall, ToolResult
from .http import Request, Response
from .names import Names
from .scenarios import CLAUDE, answer

_WORD = re.compile(r"\s*\S+\s*")


class Anthropic:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._numbers = count(1)

    def serves(self, request: Request) -> bool:
        return request.path.startswith("/v1/messages")

    def respond(self, request: Request) -> Response:
        body = request.json()
        if request.path.startswith("/v1/messages/count_tokens"):
            return Response.of_json(200, {"input_tokens": 100})
        conversation = read_conversation(body)
        outcome = answer(conversation, CLAUDE) if conversation.has_tools else Reply((Text("a title"),))
        if isinstance(outcome, Failure):
            error = {"type": "error", "error": {"type": outcome.kind, "message": outcome.message}}
            return Response.of_json(outcome.status, error)
        number = next(self._numbers)
        if not body.get("stream"):
            return Response.of_json(200, self._message(number, body["model"], outcome, full=True))
        return Response(200, {"content-type": "text/event-stream"}, self._stream(number, body["model"], outcome))

    def _message(self, number: int, model: str, reply: Reply, *, full: bool) -> dict[str, Any]:
        return {
            "id": self._names.answer("msg", number),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [_whole(b, self._call(number, i)) for i, b in enumerate(reply.blocks)] if full else [],
            "stop_reason": _stop_reason(reply) if full else None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": reply.usage.input,
                "output_tokens": reply.usage.output if full else 1,
                "cache_creation_input_tokens": reply.usage.cache_write,
                "cache_read_input_tokens": reply.usage.cache_read,
            },
        }

    def _call(self, number: int, index: int) -> str:
        return self._names.part("toolu", number, index)

    async def _stream(self, number: int, model: str, reply: Reply) -> AsyncGenerator[bytes, None]:
        yield _event("message_start", message=self._message(number, model, reply, full=False))
        for index, block in enumerate(reply.blocks):
            yield _event("content_block_start", index=index, content_block=_empty(block, self._call(number, index)))
            for delta in _deltas(block):
                yield _event("content_block_delta", index=index, delta=delta)
                await trio.sleep(reply.pace)
            if reply.hang and index == len(reply.blocks) - 1:
                await trio.sleep_forever()
            yield _event("content_block_stop", index=index)
        delta = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": reply.usage.output})
        yield _event("message_stop")


def read_conversation(body: dict[str, Any]) -> Conversation:
    """The last prompt and all that came after it."""
    prompt, images, step, results = "", (), 0, ()
    for message in body["messages"]:
        blocks = message["content"]
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        if message["role"] != "user":  # claude also sends "system" messages in mid-conversation
            step += message["role"] == "assistant"
            continue
        said = [b["text"] for b in blocks if b["type"] == "text" and not _is_slipped_in(b["text"])]
        if said:
            prompt, step, results = "\n".join(said), 0, ()
            images = tuple(_image(b) for b in blocks if b["type"] == "image")
        else:
            results += tuple(_result(b) for b in blocks if b["type"] == "tool_result")
    return Conversation(prompt, step, results, images, bool(body.get("tools")))


def _is_slipped_in(text: str) -> bool:
    """The client's own words, which are no prompt: reminders, and the note that the last turn was interrupted."""
    return text.lstrip().startswith(("<system-reminder>", "[Request interrupted"))


def _image(block: dict[str, Any]) -> Image:
    return Image(block["source"]["media_type"], block["source"]["data"])


def _result(block: dict[str, Any]) -> ToolResult:
    content = block.get("content") or ""
    if isinstance(content, str):
        return ToolResult(content, bool(block.get("is_error")))
    text = "\n".join(part["text"] for part in content if part["type"] == "text")
    images = tuple(_image(part) for part in content if part["type"] == "image")
    return ToolResult(text, bool(block.get("is_error")), images)


def _event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if any(isinstance(b, ToolCall) for b in reply.blocks) else "end_turn"


def _empty(block: Block, call_id: str) -> dict[str, Any]:
    match block:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall(name=name):
            return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def _whole(block: Block, call_id: str) -> dict[str, Any]:
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Thinking(text=text):
            return {"type": "thinking", "thinking": text, "signature": "c2ln"}
        case ToolCall(name=name, arguments=arguments):
            return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    match block:
        case Text(text=text):
            yield from ({"type": "text_delta", "text": word} for word in _WORD.findall(text))
        case Thinking(text=text):
            yield from ({"type": "thinking_delta", "thinking": word} for word in _WORD.findall(text))
            yield {"type": "signature_delta", "signature": "c2ln"}
        case ToolCall(arguments=arguments):
            written = json.dumps(arguments)
            middle = len(written) // 2
            yield from (
                {"type": "input_json_delta", "partial_json": part} for part in (written[:middle], written[middle:])
            )
