"""Commands: what a client tells a session to do. HTTP and WebSocket carry the same ones, and the same object goes on to
the actor that executes it. A new one is a class here and in :data:`Command`, a line in the route table
(``transport/api/routes.py``), and a case in ``actors/sessions/commands.py``.

A command may have a key, the client's own name for it: within one session the command of that name is done once, and
whoever repeats it gets the first answer.
"""

import hashlib
from typing import Any, ClassVar, Literal, cast

import msgspec
from attrs import field, frozen

from ..access.scopes import Scope
from ..bounds import MAX_ANSWERS, MAX_ATTACHMENTS, MAX_NAME
from ..fields import MAX_CHARS, bounded, bounded_items
from ..problems import invalid_request
from .sessions import InterruptResponse, MessageAttachment, PermissionReply

MAX_KEY = 256
"""Characters."""


@frozen
class Receipt:
    """A prompt was accepted. Its turn's events come after position ``after``; ``turn_id`` names the turn."""

    turn_id: str
    after: int


class SessionCommand:
    """``scope`` is what a token needs for it: the most, where a class does not say. ``result`` is the class of its
    answer, None where there is nothing to tell."""

    __slots__ = ()
    scope: ClassVar[Scope] = "admin"
    result: ClassVar[type | None] = None


@frozen
class MessageCommand(SessionCommand):
    scope: ClassVar[Scope] = "prompt"
    result: ClassVar[type | None] = Receipt
    type: Literal["message"] = field(default="message", init=False)
    message: str
    attachments: tuple[MessageAttachment, ...] = bounded_items(MAX_ATTACHMENTS, ())


@frozen
class PermissionReplyCommand(SessionCommand):
    scope: ClassVar[Scope] = "approve"
    type: Literal["permission.reply"] = field(default="permission.reply", init=False)
    permission_id: str = field(metadata={MAX_CHARS: MAX_NAME})
    reply: PermissionReply
    input_digest: str | None = bounded(MAX_NAME)


@frozen
class QuestionReplyCommand(SessionCommand):
    scope: ClassVar[Scope] = "approve"
    type: Literal["question.reply"] = field(default="question.reply", init=False)
    question_id: str = field(metadata={MAX_CHARS: MAX_NAME})
    answers: tuple[tuple[str, ...], ...] = bounded_items(MAX_ANSWERS, shown=False)
    input_digest: str | None = bounded(MAX_NAME)


@frozen
class QuestionRejectCommand(SessionCommand):
    scope: ClassVar[Scope] = "approve"
    type: Literal["question.reject"] = field(default="question.reject", init=False)
    question_id: str = field(metadata={MAX_CHARS: MAX_NAME})


@frozen
class QueueCancelCommand(SessionCommand):
    """Take a prompt out of the queue. ``turn_id`` is the turn that was reserved for it."""

    scope: ClassVar[Scope] = "prompt"
    type: Literal["queue.cancel"] = field(default="queue.cancel", init=False)
    turn_id: str = field(metadata={MAX_CHARS: MAX_NAME})


@frozen
class InterruptCommand(SessionCommand):
    scope: ClassVar[Scope] = "prompt"
    result: ClassVar[type | None] = InterruptResponse
    type: Literal["interrupt"] = field(default="interrupt", init=False)


@frozen
class TerminateCommand(SessionCommand):
    scope: ClassVar[Scope] = "prompt"
    type: Literal["terminate"] = field(default="terminate", init=False)


Command = (
    MessageCommand
    | PermissionReplyCommand
    | QuestionReplyCommand
    | QuestionRejectCommand
    | QueueCancelCommand
    | InterruptCommand
    | TerminateCommand
)
ApprovalCommand = PermissionReplyCommand | QuestionReplyCommand | QuestionRejectCommand
"""What decides a permission or a question: the permission broker executes these, all others the session."""


def check_key(key: str, name: str) -> str:
    """The key; ``name`` is what the client calls the place where it stood. Raises a 400 problem."""
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise invalid_request(f"{name} must be 1 to {MAX_KEY} printable characters that you choose")
    return key


def fingerprint(plain: dict[str, Any]) -> str:
    """Tells one command from another; ``plain`` is the command as the codec writes it.

    A member without a value is left out, so that one which a later version adds does not make a stranger of an old
    command.
    """
    said = msgspec.json.encode(_said(plain), order="sorted")
    return f"{plain['type']}:{hashlib.blake2b(said, digest_size=16).hexdigest()}"


def fingerprint_without_answers(plain: dict[str, Any]) -> str:
    """Of an answer that may be a secret: what a digest of it is kept of can be guessed."""
    return fingerprint({name: value for name, value in plain.items() if name != "answers"})


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {name: _said(member) for name, member in members if member not in (None, [], ())}
    if isinstance(value, (list, tuple)):
        return [_said(element) for element in cast("list[Any]", value)]
    return value
