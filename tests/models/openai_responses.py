"""OpenAI's Responses API, as far as a client that streams and stores nothing needs it (`POST /v1/responses`)."""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, count
from typing import Any

import trio

from .codex_scenarios import CODEX
from .conversation import Block, Conversation, Failure, Image, Reply, Text, Thinking, ToolCall, ToolResult
from .http import Request, Response
from .names import Names
from .scenarios import answer

_WORD = re.compile(r"\s*\S+\s*")
_DATA_URL = re.compile(r"data:(?P<mime>[^;]+);base64,(?P<data>.*)", re.DOTALL)
_SLIPPED_IN = ("<environment_context>", "<turn_aborted>", "<user_instructions>", "<skill>", "# AGENTS.md")
"""How the client's own words begin, which are no prompt."""

_MODELS = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
_RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})


class OpenAiResponses:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._numbers = count(1)

    def serves(self, request: Request) -> bool:
        return request.method == "POST" and request.path.startswith("/v1/responses")

    def respond(self, request: Request) -> Response:
        body = request.json()
        conversation = read_conversation(body)
        outcome = answer(conversation, CODEX) if conversation.has_tools else Reply((Text("a title"),))
        if isinstance(outcome, Failure):
            error = {"message": outcome.message, "type": outcome.kind, "param": None, "code": None}
            return Response.of_json(outcome.status, {"error": error})
        number = next(self._numbers)
        stream = _stream(self._names, number, body["model"], outcome, _freeform(body))
        return Response(200, {"content-type": "text/event-stream"}, stream)


async def _stream(
    names: Names, number: int, model: str, reply: Reply, freeform: set[str]
) -> AsyncGenerator[bytes, None]:
    response = {
        "id": names.answer("resp", number),
        "object": "response",
        "model": model,
        "status": "in_progress",
        "output": [],
    }
    yield _event("response.created", response=response)
    output: list[dict[str, Any]] = []
    for index, block in enumerate(reply.blocks):
        item = _item(block, partial(names.part, number=number, index=index), freeform)
        yield _event("response.output_item.added", output_index=index, item=_begun(item))
        for kind, members in _deltas(block):
            yield _event(kind, output_index=index, item_id=item["id"], **members)
            await trio.sleep(reply.pace)
        if reply.hang and index == len(reply.blocks) - 1:
            await trio.sleep_forever()
        yield _event("response.output_item.done", output_index=index, item=item)
        output.append(item)
    # OpenAI counts what was read from the cache, or written to it, as input too.
    usage = reply.usage
    read = usage.input + usage.cache_read + usage.cache_write
    counts = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + usage.output,
    }
    yield _event("response.completed", response=response | {"status": "completed", "output": output, "usage": counts})


def read_conversation(body: dict[str, Any]) -> Conversation:
    """The last prompt and all that came after it."""
    prompt, images, step, results = "", (), 0, ()
    answering = False
    for item in body["input"]:
        kind = item.get("type", "message")
        if kind == "message" and item["role"] != "assistant":
            said = [] if item["role"] != "user" else [p for p in item["content"] if not _is_slipped_in(p)]
            if any(part["type"] == "input_text" for part in said):
                prompt, step, results = "\n".join(p["text"] for p in said if p["type"] == "input_text"), 0, ()
                images = tuple(_images(said))
            answering = False
        elif kind in _MODELS:
            step += not answering
            answering = True
        elif kind in _RESULTS:
            results += (_result(item),)
            answering = False
    has_tools = bool(body.get("tools")) or any(item.get("type") == "additional_tools" for item in body["input"])
    return Conversation(prompt, step, results, images, has_tools)


def _is_slipped_in(part: dict[str, Any]) -> bool:
    return part["type"] == "input_text" and part["text"].lstrip().startswith(_SLIPPED_IN)


def _images(parts: Sequence[dict[str, Any]]) -> Iterator[Image]:
    for part in parts:
        if part["type"] == "input_image" and (found := _DATA_URL.fullmatch(part["image_url"])):
            yield Image(found["mime"], found["data"])


def _result(item: dict[str, Any]) -> ToolResult:
    output = item["output"]
    if isinstance(output, str):
        return ToolResult(output)
    text = "\n".join(part["text"] for part in output if part["type"] == "input_text")
    return ToolResult(text, images=tuple(_images(output)))


def _freeform(body: dict[str, Any]) -> set[str]:
    """The tools that take text, not JSON. Codex's "code mode" sends its tools as a message, in namespaces."""
    sent = (item.get("tools") or [] for item in body["input"] if item.get("type") == "additional_tools")
    return set(_freeform_names(chain(body.get("tools") or [], *sent)))


def _freeform_names(tools: Iterable[dict[str, Any]], prefix: str = "") -> Iterator[str]:
    for tool in tools:
        if tool["type"] == "custom":
            yield prefix + tool["name"]
        elif tool["type"] == "namespace":
            yield from _freeform_names(tool["tools"], f"{prefix}{tool['name']}.")


def _event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def _item(block: Block, name: Callable[[str], str], freeform: set[str]) -> dict[str, Any]:
    match block:
        case Text(text=text):
            content = [{"type": "output_text", "text": text, "annotations": []}]
            return {"type": "message", "id": name("msg"), "role": "assistant", "content": content}
        case Thinking(text=text):
            summary = [{"type": "summary_text", "text": text}]
            return {"type": "reasoning", "id": name("rs"), "summary": summary, "encrypted_content": "c2ln"}
        case ToolCall(name=tool, arguments=arguments):
            namespace, _, bare = tool.rpartition(".")
            called = {"call_id": name("call"), "name": bare} | ({"namespace": namespace} if namespace else {})
            if tool in freeform:
                return {"type": "custom_tool_call", "id": name("ctc"), "input": arguments["input"], **called}
            return {"type": "function_call", "id": name("fc"), "arguments": json.dumps(arguments), **called}


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    """The item as it is announced: nothing of it said yet."""
    empty: dict[str, Any] = {"content": [], "summary": [], "arguments": "", "input": ""}
    return {name: empty.get(name, value) for name, value in item.items() if name != "encrypted_content"}


def _deltas(block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    match block:
        case Text(text=text):
            part = {"type": "output_text", "text": "", "annotations": []}
            yield "response.content_part.added", {"content_index": 0, "part": part}
            for word in _WORD.findall(text):
                yield "response.output_text.delta", {"content_index": 0, "delta": word}
        case Thinking(text=text):
            part = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", {"summary_index": 0, "part": part}
            for word in _WORD.findall(text):
                yield "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": word}
        case ToolCall():
            pass  # codex acts on the finished call
