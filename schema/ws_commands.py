"""What a client says over ``…/ws``, and the answers. The daemon's other frames are events and ``stream.resync``.

``id`` is the client's own name for a command: a repeated one gets the first answer again and does nothing.
"""

from typing import Any, Literal

from attrs import field, frozen

from .fields import optional
from .sessions import MessageAttachment, PermissionReply


@frozen
class MessageCommand:
    type: Literal["message"] = field(default="message", init=False)
    id: str
    message: str
    attachments: tuple[MessageAttachment, ...] = ()


@frozen
class PermissionReplyCommand:
    type: Literal["permission.reply"] = field(default="permission.reply", init=False)
    id: str
    permission_id: str
    reply: PermissionReply


@frozen
class QuestionReplyCommand:
    type: Literal["question.reply"] = field(default="question.reply", init=False)
    id: str
    question_id: str
    answers: tuple[tuple[str, ...], ...]


@frozen
class QuestionRejectCommand:
    type: Literal["question.reject"] = field(default="question.reject", init=False)
    id: str
    question_id: str


@frozen
class InterruptCommand:
    type: Literal["interrupt"] = field(default="interrupt", init=False)
    id: str


@frozen
class TerminateCommand:
    type: Literal["terminate"] = field(default="terminate", init=False)
    id: str


WebSocketCommand = (
    MessageCommand
    | PermissionReplyCommand
    | QuestionReplyCommand
    | QuestionRejectCommand
    | InterruptCommand
    | TerminateCommand
)


@frozen
class WebSocketAuth:
    """The first frame of a client that can set no Authorization header. A browser can not."""

    type: Literal["auth"] = field(default="auth", init=False)
    token: str
    id: str | None = None


@frozen
class WebSocketAck:
    """``result`` is the body that the same request over HTTP would answer, and for a message its turn."""

    type: Literal["ack"] = field(default="ack", init=False)
    id: str | None
    result: Any = optional()


@frozen
class WebSocketError:
    """``problem`` is the body of the same failure over HTTP; ``id`` is null when none could be read."""

    type: Literal["error"] = field(default="error", init=False)
    id: str | None
    problem: Any
