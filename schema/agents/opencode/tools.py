"""Tool parts to items: a call, and its result with what the tool printed and what it did to files.

A part is told again and again as its tool goes on: pending (arguments unknown), running, then completed or error.
"""

from collections.abc import Iterator
from typing import Any

from ...items import ContentPart, FileRefPart, ImagePart, JsonPart, ToolCallPart, ToolResultPart
from ..diffs import created
from ..effects import Effect, ItemCompleted, ItemDelta, ItemStarted
from ..json_lines import as_text, elements, members
from .calls import Call, Calls
from .wire import Part

_PRELUDE = "Index: "
"""How a diff begins for opencode: with a line of its own and a rule. Ours begin at ``---``."""


class Tools:
    """The tool calls of a turn. The native id of a call's item is its part's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __repr__(self) -> str:
        return f"<Tools {self._calls!r}>"

    def updated(self, part: Part, parent: str | None, raw: bytes) -> Iterator[Effect]:
        state, name = members(part.state), as_text(part.tool)
        call = self._calls.told_in(part, len(raw))
        status = state.get("status")
        if status == "pending":
            content = (ToolCallPart(name, "{}", call.name),)
            yield ItemStarted(call.item, "tool_call", "assistant", content, parent, raw=raw)
            return
        if not call.told:
            call.told = True
            content = (ToolCallPart(name, as_text(members(state.get("input"))), call.name),)
            yield ItemCompleted(call.item, "tool_call", "assistant", content, False, parent, raw=raw)
        if status == "running":
            yield from self._printed(call, members(state.get("metadata")).get("output"), raw)
            return
        self._calls.close(call)
        failed, result = _result(name, call, state)
        yield ItemCompleted(f"{call.item}#result", "tool_result", "tool", result, failed, call.item, raw=raw)

    def turn_ended(self) -> None:
        self._calls.clear()

    def _printed(self, call: Call, output: Any, raw: bytes) -> Iterator[Effect]:
        """The whole output so far, each time. One that was cut at its beginning is left to the result."""
        if not isinstance(output, str) or not output.startswith(call.output) or output == call.output:
            return
        tail = output[len(call.output) :]
        result_id = f"{call.item}#result"
        if not call.output:
            yield ItemStarted(result_id, "tool_result", "tool", (ToolResultPart(call.name, ""),), call.item, raw=raw)
        call.output = output
        self._calls.grew(call, len(tail))
        yield ItemDelta(result_id, tail, raw=raw)


def _result(name: str, call: Call, state: dict[str, Any]) -> tuple[bool, tuple[ContentPart, ...]]:
    """Whether it failed, and its content."""
    if state.get("status") == "error":
        return True, (ToolResultPart(call.name, as_text(state.get("error") or "")),)
    metadata = members(state.get("metadata"))
    content: list[ContentPart] = [ToolResultPart(call.name, as_text(state.get("output") or ""))]
    failed = call.refused
    if "exit" in metadata:
        # None when the command was killed, with the turn or by its own time limit.
        content.append(JsonPart({"exit_code": metadata["exit"]}))
        failed = failed or metadata["exit"] != 0
    content += _images(state.get("attachments"))
    content += _files(name, call, members(state.get("input")), metadata)
    return failed, tuple(content)


def _files(name: str, call: Call, arguments: dict[str, Any], metadata: dict[str, Any]) -> Iterator[FileRefPart]:
    path = metadata.get("filepath") or arguments.get("filePath")
    match name:
        case "read" if isinstance(path, str):
            yield FileRefPart(path, "read")
        case "write" if isinstance(path, str):
            yield FileRefPart(path, "write", _written(path, call, arguments, metadata))
        case "edit" if isinstance(path, str):
            yield FileRefPart(path, "patch", _clean(metadata.get("diff")))
        case "multiedit" if isinstance(path, str):
            diffs = [_clean(members(result).get("diff")) for result in elements(metadata.get("results"))]
            yield FileRefPart(path, "patch", "".join(filter(None, diffs)) or None)
        case "apply_patch" | "patch":
            for file in map(members, elements(metadata.get("files"))):
                changed = file.get("filePath") or file.get("file")
                if isinstance(changed, str):
                    yield FileRefPart(changed, "patch", _clean(file.get("patch") or file.get("diff")))
        case _:
            pass


def _written(path: str, call: Call, arguments: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    """A finished ``write`` tells no diff. A new file is all its content; another one was told by the permission."""
    content = arguments.get("content")
    if metadata.get("exists") is False and isinstance(content, str):
        return created(path, content)
    return _clean(call.diff)


def _images(attachments: Any) -> Iterator[ContentPart]:
    for file in map(members, elements(attachments)):
        url, mime = file.get("url"), file.get("mime")
        if isinstance(url, str) and isinstance(mime, str) and mime.startswith("image/"):
            yield ImagePart(url, mime)


def _clean(diff: Any) -> str | None:
    if not isinstance(diff, str) or not diff:
        return None
    start = diff.find("--- ") if diff.startswith(_PRELUDE) else 0
    return diff[max(start, 0) :]
