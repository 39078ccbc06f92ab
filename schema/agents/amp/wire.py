"""The lines that `amp --stream-json` writes, as far as we read them (captured from 0.0.1790142911).

Only what the dialect needs is declared, and what may change its shape without harm is ``Any``.
"""

from typing import Any

from msgspec import Raw, Struct


class Head(Struct):
    type: str
    subtype: Any = None


class InitLine(Struct):
    """``session_id`` is the id of the thread."""

    session_id: str


class Block(Struct):
    """A content block of a message; each ``type`` uses some of the members."""

    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    tool_use_id: str = ""
    content: Raw = Raw(b'""')
    is_error: Any = False


class AssistantMessage(Struct):
    content: list[Raw]
    stop_reason: Any = None
    usage: Any = None


class AssistantLine(Struct):
    """A whole message; it has no id. ``parent_tool_use_id`` is null in the native program: what sub-agents say does
    not reach us."""

    message: AssistantMessage
    parent_tool_use_id: Any = None


class UserMessage(Struct):
    content: str | list[Raw]


class UserLine(Struct):
    message: UserMessage


class ResultLine(Struct):
    """The last line of a process: it ends soon after. ``is_error`` decides, not the exit code, which is 0 also then.
    Nothing here may fail to decode: the turn would never end."""

    subtype: Any = ""
    is_error: Any = False
    result: Any = None
    error: Any = None
    num_turns: Any = None
    duration_ms: Any = None
