"""Tool parts to items: a call, and its result with what the tool printed and what it did to files.

A part is told again and again as its tool goes on: pending (arguments unknown), running, then completed or error.
"""

from collections.abc import Iterator
from typing import Any

from attrs import define

from ..bounds import bounded_id
from ..items import ContentPart, FileRefPart, ImagePart, JsonPart, ToolCallPart, ToolResultPart
from .diffs import created
from .effects import Effect, ItemCompleted, ItemDelta, ItemStarted
from .native import as_text, elements, members
from .opencode_asks import Asks
from .opencode_wire import Part
from .remembered import Remembered

_PRELUDE = "Index: "
"""How a diff begins for opencode: with a line of its own and a rule. Ours begin at ``---``."""


@define
class _Call:
    """A tool that is at work. ``output`` is what it had printed when it was told last."""

    told: bool = False
    output: str = ""


class Tools:
    """The tool calls of a turn. The native id of a call's item is its part's."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._running = Remembered[_Call]()

    def __repr__(self) -> str:
        return f"<Tools running={len(self._running)}>"

    def updated(self, part: Part, parent: str | None, raw: bytes) -> Iterator[Effect]:
        state = members(part.state)
        call_id, name = as_text(part.call_id), as_text(part.tool)
        part_id = bounded_id(part.id)
        if (call := self._running.get(part_id)) is None:
            call = _Call()
            self._running.put(part_id, call)
        status = state.get("status")
        if call_id and status == "running":
            self._asks.calls.put(bounded_id(call_id), state.get("input"), len(raw))
        if status == "pending":
            content = (ToolCallPart(name, "{}", call_id),)
            yield ItemStarted(part.id, "tool_call", "assistant", content, parent, raw=raw)
            return
        if not call.told:
            call.told = True
            content = (ToolCallPart(name, as_text(members(state.get("input"))), call_id),)
            yield ItemCompleted(part.id, "tool_call", "assistant", content, False, parent, raw=raw)
        if status == "running":
            yield from self._printed(part.id, call, call_id, members(state.get("metadata")).get("output"), raw)
            return
        self._running.pop(part_id)
        self._asks.calls.pop(bounded_id(call_id))
        failed, result = self._result(name, call_id, state)
        yield ItemCompleted(f"{part.id}#result", "tool_result", "tool", result, failed, part.id, raw=raw)

    def turn_ended(self) -> None:
        self._running.clear()

    def _printed(self, part_id: str, call: _Call, call_id: str, output: Any, raw: bytes) -> Iterator[Effect]:
        """The whole output so far, each time. One that was cut at its beginning is left to the result."""
        if not isinstance(output, str) or not output.startswith(call.output) or output == call.output:
            return
        tail = output[len(call.output) :]
        result_id = f"{part_id}#result"
        if not call.output:
            yield ItemStarted(result_id, "tool_result", "tool", (ToolResultPart(call_id, ""),), part_id, raw=raw)
        call.output = output
        self._running.grew(bounded_id(part_id), len(tail))
        yield ItemDelta(result_id, tail, raw=raw)

    def _result(self, name: str, call_id: str, state: dict[str, Any]) -> tuple[bool, tuple[ContentPart, ...]]:
        """Whether it failed, and its content."""
        if state.get("status") == "error":
            return True, (ToolResultPart(call_id, as_text(state.get("error") or "")),)
        metadata = members(state.get("metadata"))
        content: list[ContentPart] = [ToolResultPart(call_id, as_text(state.get("output") or ""))]
        failed = bounded_id(call_id) in self._asks.refused_calls
        if "exit" in metadata:
            # None when the command was killed, with the turn or by its own time limit.
            content.append(JsonPart({"exit_code": metadata["exit"]}))
            failed = failed or metadata["exit"] != 0
        content += _images(state.get("attachments"))
        content += self._files(name, call_id, members(state.get("input")), metadata)
        return failed, tuple(content)

    def _files(
        self, name: str, call_id: str, arguments: dict[str, Any], metadata: dict[str, Any]
    ) -> Iterator[FileRefPart]:
        path = metadata.get("filepath") or arguments.get("filePath")
        match name:
            case "read" if isinstance(path, str):
                yield FileRefPart(path, "read")
            case "write" if isinstance(path, str):
                yield FileRefPart(path, "write", self._written(path, call_id, arguments, metadata))
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

    def _written(self, path: str, call_id: str, arguments: dict[str, Any], metadata: dict[str, Any]) -> str | None:
        """A finished ``write`` tells no diff. A new file is all its content; another one was told by the permission."""
        content = arguments.get("content")
        if metadata.get("exists") is False and isinstance(content, str):
            return created(path, content)
        return _clean(self._asks.diffs.get(bounded_id(call_id)))


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
