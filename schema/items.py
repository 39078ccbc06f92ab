"""Items, the units of a turn, and the content parts inside them (wire 0.1, section 5)."""

from typing import Any, Literal

from attrs import field, frozen

ItemKind = Literal["message", "tool_call", "tool_result", "system", "status", "unknown"]
ItemRole = Literal["user", "assistant", "system", "tool"]
ItemStatus = Literal["in_progress", "completed", "failed"]
FileAction = Literal["read", "write", "patch"]
ReasoningVisibility = Literal["public", "private"]


@frozen
class TextPart:
    type: Literal["text"] = field(default="text", init=False)
    text: str


@frozen
class JsonPart:
    type: Literal["json"] = field(default="json", init=False)
    json: Any


@frozen
class ToolCallPart:
    """``arguments`` is JSON text, as the agent's model wrote it."""

    type: Literal["tool_call"] = field(default="tool_call", init=False)
    name: str
    arguments: str
    call_id: str


@frozen
class ToolResultPart:
    """``output`` is the text that the tool returned, never JSON-encoded a second time."""

    type: Literal["tool_result"] = field(default="tool_result", init=False)
    call_id: str
    output: str


@frozen
class FileRefPart:
    """A file that a tool touched; ``diff`` is a unified diff."""

    type: Literal["file_ref"] = field(default="file_ref", init=False)
    path: str
    action: FileAction
    diff: str | None = None


@frozen
class ReasoningPart:
    type: Literal["reasoning"] = field(default="reasoning", init=False)
    text: str
    visibility: ReasoningVisibility


@frozen
class ImagePart:
    """``path`` is a file path, or a ``data:`` URL when the image exists only in the conversation."""

    type: Literal["image"] = field(default="image", init=False)
    path: str
    mime: str | None = None


@frozen
class StatusPart:
    type: Literal["status"] = field(default="status", init=False)
    label: str
    detail: str | None = None


ContentPart = TextPart | JsonPart | ToolCallPart | ToolResultPart | FileRefPart | ReasoningPart | ImagePart | StatusPart


@frozen
class UniversalItem:
    """One message, tool call, tool result or status. ``item_id`` is unique in its session."""

    item_id: str
    native_item_id: str | None
    parent_id: str | None
    kind: ItemKind
    role: ItemRole | None
    content: tuple[ContentPart, ...]
    status: ItemStatus
