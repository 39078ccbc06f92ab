"""The events of `opencode serve`, as far as we read them.

Only what the dialect needs is declared, and what may change its shape without harm is ``Any``: a member that a later
version adds or retypes must not cost us the event.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from ..json_lines import members


class Event(Struct):
    """``id`` is unique for ever; ``properties`` is read by the class that ``type`` calls for."""

    type: str
    id: str = ""
    properties: Raw = Raw(b"{}")


class Delta(Struct):
    """More text of a part; the part's kind was told before."""

    part_id: str = msgspec.field(name="partID")
    delta: str = ""
    field: str = ""
    session_id: str = msgspec.field(default="", name="sessionID")


class Part(Struct):
    """A part of a message. Each ``type`` uses some of the members."""

    id: str
    type: str
    session_id: str = msgspec.field(default="", name="sessionID")
    message_id: str = msgspec.field(default="", name="messageID")
    text: Any = ""
    time: Any = None
    synthetic: Any = False
    ignored: Any = False
    tool: Any = ""
    call_id: Any = msgspec.field(default="", name="callID")
    state: Any = None
    tokens: Any = None
    cost: Any = 0
    mime: Any = ""
    url: Any = ""
    filename: Any = None
    auto: Any = None
    attempt: Any = None
    error: Any = None
    description: Any = None

    @property
    def finished(self) -> bool:
        return members(self.time).get("end") is not None


class PartUpdate(Struct):
    part: Part


class Message(Struct):
    """What is known of a message besides its parts. ``parent_id`` is the user's message that it answers."""

    id: str
    role: str
    session_id: str = msgspec.field(default="", name="sessionID")
    time: Any = None
    error: Any = None
    finish: Any = None
    summary: Any = None
    provider: Any = msgspec.field(default=None, name="providerID")
    model: Any = msgspec.field(default=None, name="modelID")

    @property
    def finished(self) -> bool:
        return members(self.time).get("completed") is not None


class MessageUpdate(Struct):
    info: Message


class Recorded(Struct):
    """A message as the history holds it."""

    info: Message
    parts: list[Part]


class SessionFacts(Struct):
    id: str
    parent_id: str | None = msgspec.field(default=None, name="parentID")
    title: Any = None


class SessionUpdate(Struct):
    info: SessionFacts


class Status(Struct):
    type: str = ""
    attempt: Any = None
    message: Any = None
    next: Any = None


class SessionEvent(Struct):
    """``session.status``, ``session.idle``, ``session.error`` and ``todo.updated``."""

    session_id: str = msgspec.field(default="", name="sessionID")
    status: Status = msgspec.field(default_factory=Status)
    error: Any = None
    todos: Any = None


class Tool(Struct):
    call_id: str = msgspec.field(default="", name="callID")
    message_id: str = msgspec.field(default="", name="messageID")


class PermissionAsked(Struct):
    """``always`` is what opencode's own `always` would grant."""

    id: str
    permission: str
    patterns: Any = None
    metadata: Any = None
    always: Any = None
    tool: Tool | None = None


class Question(Struct):
    question: str
    header: str | None = None
    options: list[Any] = msgspec.field(default_factory=list[Any])
    multiple: bool | None = None


class QuestionAsked(Struct):
    id: str
    questions: list[Question]
    tool: Tool | None = None


class Replied(Struct):
    request_id: str = msgspec.field(name="requestID")
