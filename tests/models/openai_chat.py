"""OpenAI's chat completions, as far as a client that streams needs them (`POST /v1/chat/completions`)."""

import json
import re
from collections.abc import AsyncGenerator, Iterator
from itertools import count
from typing import Any

import trio

from .conversation import Block, Conversation, Failure, Image, Reply, Text, Thinking, ToolCall, ToolResult
from .http import Request, Response
from .names import Names
from .opencode_scenarios import OPENCODE
from .scenarios import answer

_WORD = re.compile(r"\s*\S+\s*")
_DATA_URL = re.compile(r"data:(?P<mime>[^;]+);base64,(?P<data>.*)", re.DOTALL)


class OpenAiChat:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._numbers = count(1)

    def serves(self, request: Request) -> bool:
        return request.path.startswith("/v1/chat/completions")

    def respond(self, request: Request) -> Response:
        body = request.json()
        conversation = read_conversation(body)
        outcome = answer(conversation, OPENCODE) if conversation.has_tools else Reply((Text("a title"),))
        if isinstance(outcome, Failure):
            return Response.of_json(
                outcome.status, {"error": {"type": outcome.kind, "message": outcome.message, "code": None}}
            )
        number = next(self._numbers)
        return Response(
            200, {"content-type": "text/event-stream"}, _stream(self._names, number, body["model"], outcome)
        )


async def _stream(names: Names, number: int, model: str, reply: Reply) -> AsyncGenerator[bytes, None]:
    def chunk(choices: list[dict[str, Any]], **members: Any) -> bytes:
        head = {"id": names.answer("chatcmpl", number), "object": "chat.completion.chunk", "created": 0, "model": model}
        return f"data: {json.dumps(head | {'choices': choices} | members)}\n\n".encode()

    yield chunk([_choice({"role": "assistant", "content": ""})])
    called = -1
    for block in reply.blocks:
        called += isinstance(block, ToolCall)
        for delta in _deltas(block, called, names.part("call", number, called)):
            yield chunk([_choice(delta)])
            await trio.sleep(reply.pace)
    if reply.hang:
        await trio.sleep_forever()
    yield chunk([_choice({}, "tool_calls" if called >= 0 else "stop")])
    usage = {
        "prompt_tokens": reply.usage.input + reply.usage.cache_read,
        "completion_tokens": reply.usage.output,
        "total_tokens": reply.usage.input + reply.usage.cache_read + reply.usage.output,
        "prompt_tokens_details": {"cached_tokens": reply.usage.cache_read},
    }
    yield chunk([], usage=usage)
    yield b"data: [DONE]\n\n"


def read_conversation(body: dict[str, Any]) -> Conversation:
    """The last prompt and all that came after it."""
    prompt, images, step, results = "", (), 0, ()
    for message in body["messages"]:
        content = message.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [part["text"] for part in parts if part["type"] == "text"]
        match message["role"]:
            case "user":
                prompt, step, results = "\n".join(text for text in texts if not _is_slipped_in(text)), 0, ()
                images = tuple(_image(part) for part in parts if part["type"] == "image_url")
            case "assistant":
                step += 1
            case "tool":
                results += (ToolResult("\n".join(texts)),)
            case _:
                pass
    return Conversation(prompt, step, results, images, bool(body.get("tools")))


def _is_slipped_in(text: str) -> bool:
    return text.lstrip().startswith("<system-reminder>")


def _image(part: dict[str, Any]) -> Image:
    found = _DATA_URL.match(part["image_url"]["url"])
    assert found is not None, "images go inline"
    return Image(found["mime"], found["data"])


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _deltas(block: Block, index: int, call_id: str) -> Iterator[dict[str, Any]]:
    match block:
        case Text(text=text):
            yield from ({"content": word} for word in _WORD.findall(text))
        case Thinking(text=text):
            yield from ({"reasoning_content": word} for word in _WORD.findall(text))
        case ToolCall(name=name, arguments=arguments):
            written = json.dumps(arguments)
            middle = len(written) // 2
            opened = {"name": name, "arguments": written[:middle]}
            yield {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": opened}]}
            yield {"tool_calls": [{"index": index, "function": {"arguments": written[middle:]}}]}
