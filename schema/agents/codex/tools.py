"""What codex did with a tool, told as a call and its result. Each item holds both; this file takes them apart."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from ...items import ContentPart, FileRefPart, ImagePart, JsonPart, ToolCallPart, ToolResultPart
from ..diffs import created, deleted
from ..json_lines import as_text, elements, members

Item = Mapping[str, Any]

SHELL = "shell"
APPLY_PATCH = "apply_patch"

_SHELLS = ("bash", "sh", "zsh")
_FAILED = ("failed", "declined", "interrupted")

LONGEST_UNWRAPPED = 1 << 16
"""Characters of a command that is told without its shell. A longer one is told as it is."""

_PIECE = re.compile(
    r"(?P<blank>[ \t\r\n]++)|'(?P<single>[^']*+)'|\"(?P<double>(?:[^\"\\]|\\.)*+)\"|\\(?P<escaped>.)"
    r"|(?P<bare>[^ \t\r\n'\"\\]++)",
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')
"""A backslash within double quotes stands for itself before any other character."""


@frozen
class Tool:
    """``known_at_start``: the arguments stand when the item starts, so that the call can be closed at once."""

    name: Callable[[Item], str]
    arguments: Callable[[Item], Any]
    result: Callable[[Item], tuple[str, tuple[ContentPart, ...]]]
    known_at_start: bool = True


def call_part(tool: Tool, item: Item, call_id: str) -> ToolCallPart:
    """``call_id`` is our name of the call, as it is the result's."""
    return ToolCallPart(tool.name(item), as_text(members(tool.arguments(item))), call_id)


def result_parts(tool: Tool, item: Item, call_id: str) -> tuple[ContentPart, ...]:
    output, more = tool.result(item)
    return (ToolResultPart(call_id, output), *more)


def subject(item: Item) -> Any:
    """What tells a call from another of its kind, from its start to its end. None where nothing does."""
    match item.get("type"):
        case "commandExecution":
            return item.get("command"), item.get("cwd")
        case "mcpToolCall":
            return item.get("server"), item.get("tool"), item.get("arguments")
        case "dynamicToolCall":
            return item.get("tool"), item.get("arguments")
        case _:
            return None


def failed(item: Item) -> bool:
    return item.get("status") in _FAILED or item.get("success") is False or item.get("failure") is not None


def bare_command(command: Any) -> str:
    """What runs in the shell that codex wraps around it: ``ls`` of ``/bin/bash -lc ls``."""
    said = as_text(command)
    match _words(said):
        case [shell, "-c" | "-lc", script] if shell.rpartition("/")[2] in _SHELLS:
            return script
        case _:
            return said


def _words(command: str) -> list[str]:
    """The words of a command as a shell reads them; none when a quote is open, or when it is too long. The standard
    library's ``shlex`` takes a time by the square of the length."""
    words: list[list[str]] = []
    within = False
    end = 0
    for piece in _PIECE.finditer(command) if len(command) <= LONGEST_UNWRAPPED else ():
        if piece.start() != end:
            return []
        end = piece.end()
        kind = piece.lastgroup or ""
        if kind == "blank":
            within = False
            continue
        if not within:
            words.append([])
        within = True
        text = piece[kind]
        words[-1].append(_ESCAPED.sub(r"\1", text) if kind == "double" else text)
    return ["".join(pieces) for pieces in words] if end == len(command) else []


def command_arguments(item: Item) -> dict[str, Any]:
    return {"command": bare_command(item.get("command")), "cwd": item.get("cwd")}


def mcp_name(item: Item) -> str:
    return f"{item.get('server')}.{item.get('tool')}"


def _command_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    """The output is complete here: what a command printed before its item started never came as a delta."""
    facts = {"exit_code": item.get("exitCode"), "status": item.get("status"), "duration_ms": item.get("durationMs")}
    return as_text(item.get("aggregatedOutput") or ""), (JsonPart(facts),)


def _patch_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    return as_text(item.get("status") or ""), () if failed(item) else file_refs(item.get("changes"))


def _mcp_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    if (error := item.get("error")) is not None:
        return as_text(members(error).get("message") or error), ()
    texts: list[str] = []
    images: list[ImagePart] = []
    for part in elements(members(item.get("result")).get("content")):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image", "data": str(data), "mimeType": str(mime)}:
                images.append(ImagePart(f"data:{mime};base64,{data}", mime))
            case _:
                texts.append(as_text(part))
    return "\n".join(texts), tuple(images)


def _dynamic_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    texts: list[str] = []
    images: list[ImagePart] = []
    for part in elements(item.get("contentItems")):
        match part:
            case {"type": "inputText", "text": str(text)}:
                texts.append(text)
            case {"type": "inputImage", "imageUrl": str(url)}:
                images.append(ImagePart(url))
            case _:
                texts.append(as_text(part))
    return "\n".join(texts), tuple(images)


def _agents_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    states = members(item.get("agentsStates")).values()
    words = [as_text(said) for state in states if (said := members(state).get("message"))]
    return "\n".join(words), (JsonPart(item.get("agentsStates")),)


def _search_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    results = item.get("results")
    return "", () if results is None else (JsonPart(results),)


def _view_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    path = item.get("path")
    return "", (ImagePart(path), FileRefPart(path, "read")) if isinstance(path, str) else ()


def _picture_result(item: Item) -> tuple[str, tuple[ContentPart, ...]]:
    if (failure := item.get("failure")) is not None:
        return as_text(failure), ()
    match item:
        case {"savedPath": str(path)}:
            return "", (ImagePart(path),)
        case {"result": str(data)} if data:
            return "", (ImagePart(f"data:image/png;base64,{data}", "image/png"),)
        case _:
            return "", ()


def _picked(*names: str) -> Callable[[Item], dict[str, Any]]:
    return lambda item: {name: item[name] for name in names if item.get(name) is not None}


TOOLS: Mapping[str, Tool] = MappingProxyType({
    "commandExecution": Tool(lambda _: SHELL, command_arguments, _command_result),
    "fileChange": Tool(lambda _: APPLY_PATCH, _picked("changes"), _patch_result),
    "mcpToolCall": Tool(mcp_name, lambda item: item.get("arguments"), _mcp_result),
    "dynamicToolCall": Tool(lambda i: as_text(i.get("tool")), lambda i: i.get("arguments"), _dynamic_result),
    "collabAgentToolCall": Tool(
        lambda item: as_text(item.get("tool")), _picked("prompt", "model", "reasoningEffort"), _agents_result
    ),
    "webSearch": Tool(lambda _: "web_search", _picked("query", "action"), _search_result, known_at_start=False),
    "imageView": Tool(lambda _: "view_image", _picked("path"), _view_result, known_at_start=False),
    "imageGeneration": Tool(
        lambda _: "image_generation", _picked("revisedPrompt"), _picture_result, known_at_start=False
    ),
})  # fmt: skip
"""By the item's ``type``."""


def file_refs(changes: Any) -> tuple[FileRefPart, ...]:
    """What a patch does to files, with unified diffs. Codex tells the whole content of a file that is added or deleted,
    and of an update only the hunks."""
    return tuple(_refs(changes))


def _refs(changes: Any) -> Iterator[FileRefPart]:
    for change in elements(changes):
        match change:
            case {"path": str(path), "kind": {"type": "add"}, "diff": str(content)}:
                yield FileRefPart(path, "write", created(path, content))
            case {"path": str(path), "kind": {"type": "delete"}, "diff": str(content)}:
                yield FileRefPart(path, "patch", deleted(path, content))
            case {"path": str(path), "kind": {"move_path": str(target)}, "diff": str(hunks)}:
                hunks = hunks.removesuffix(f"\n\nMoved to: {target}")  # codex's own words, no part of the diff
                yield FileRefPart(target, "patch", f"--- {path}\n+++ {target}\n{hunks}")
            case {"path": str(path), "diff": str(hunks)}:
                yield FileRefPart(path, "patch", f"--- {path}\n+++ {path}\n{hunks}")
            case _:
                pass
