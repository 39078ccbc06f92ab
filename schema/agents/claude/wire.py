"""The lines that `claude --output-format stream-json` writes, as far as we read them.

Only what the dialect needs is declared, and what may change its shape without harm is ``Any``: a field that a later
version adds or retypes must not cost us the line. A line that does not fit is reported, never guessed at.
"""

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct


class Head(Struct):
    type: str
    subtype: Any = None


class Block(Struct):
    """A content block of a message or a tool result; each ``type`` uses some of the members."""

    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw(b"{}")
    tool_use_id: str = ""
    content: Raw = Raw(b'""')
    is_error: bool | None = None
    source: Any = None


class Delta(Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class MessageName(Struct):
    id: str


class Event(Struct):
    """A server-sent event of the model's API, passed on as it came."""

    type: str
    index: int = 0
    message: MessageName | None = None
    content_block: Block | None = None
    delta: Delta | None = None


class StreamLine(Struct):
    event: Event
    parent_tool_use_id: str | None = None
    agent_id: Any = None


class AssistantMessage(Struct):
    id: str
    content: list[Raw]


class AssistantLine(Struct):
    """One content block, said in full. ``error`` marks the words that claude puts in for a failed request."""

    message: AssistantMessage
    parent_tool_use_id: str | None = None
    agent_id: Any = None
    error: Any = None


class UserMessage(Struct):
    content: str | list[Raw]


class UserLine(Struct):
    message: UserMessage
    uuid: str = ""
    parent_tool_use_id: str | None = None
    agent_id: Any = None
    tool_use_result: Raw = Raw(b"null")
    replayed: bool = msgspec.field(default=False, name="isReplay")


class ResultLine(Struct):
    """The end of a turn. ``subtype`` "success" does not mean success: ``is_error`` decides. Nothing here may fail to
    decode: the turn would never end."""

    subtype: Any = ""
    is_error: Any = False
    result: Any = None
    errors: Any = None
    api_error_status: Any = None
    terminal_reason: Any = None
    origin: Any = None
    num_turns: Any = None
    duration_ms: Any = None
    stop_reason: Any = None
    total_cost_usd: Any = None
    usage: Any = None
    model_usage: Any = msgspec.field(default=None, name="modelUsage")


class ToolRequest(Struct):
    """``can_use_tool``: claude waits for leave to use a tool. ``input`` stays bytes: to allow is to send it back."""

    subtype: str
    tool_name: str = ""
    tool_use_id: str = ""
    input: Raw = Raw(b"{}")
    description: Any = None
    permission_suggestions: Any = None
    blocked_path: Any = None
    decision_reason: Any = None
    decision_reason_type: Any = None
    matched_ask_rule: Any = None
    title: Any = None
    display_name: Any = None
    suppress_always_allow_rule: Any = None
    requires_user_interaction: Any = None
    agent_id: Any = None


class ControlRequest(Struct):
    request_id: str
    request: ToolRequest


class ElicitationRequest(Struct):
    """``elicitation``: an MCP server asks. ``requested_schema`` keeps the order of its members."""

    mcp_server_name: Any = None
    message: Any = None
    mode: Any = None
    url: Any = None
    requested_schema: Any = None


class ControlElicitation(Struct):
    request_id: str
    request: ElicitationRequest


class ControlCancel(Struct):
    request_id: str


class ControlAnswer(Struct):
    subtype: Literal["success", "error"]
    request_id: str
    error: Any = None
    response: Raw = Raw(b"null")


class ControlResponse(Struct):
    response: ControlAnswer
