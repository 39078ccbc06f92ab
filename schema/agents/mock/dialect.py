"""The mock agent's dialect. The protocol is our own: ``actors/mock/program.py`` documents it and speaks the other end.

Every line is decoded by msgspec into the type that its ``type`` names. A delta, which is what benchmarks send, costs
about a microsecond that way; whatever does not decode is an :class:`Unparsed`, never an exception.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from ...api.sessions import PermissionReply
from ...approvals.always import of_input
from ...approvals.approval_ids import REPEATED, ApprovalIds
from ...background import MOST_TASKS, BackgroundTask
from ...bounds import shortened
from ...events import ErrorData, QuestionEventData, QuestionOption, QuestionPart, SessionEndReason
from ...items import ItemKind, ItemRole
from ...json_text import check_depth, may_be_deep
from ..dialect import AgentSpec, Effects, ExitStatus, Launch, Prompt
from ..effects import (
    BackgroundChanged,
    ConversationOpened,
    Effect,
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    NativeSessionNamed,
    PermissionRefused,
    Ready,
    RequestPermission,
    RequestQuestion,
    SessionEnded,
    TurnEnded,
    TurnOutcome,
    TurnStarted,
    Unparsed,
    WithdrawApproval,
    Write,
)
from ..elicitation.fields import Unaskable
from ..elicitation.form import Form, declined, elicited
from ..json_lines import as_text
from ..outline import MAX_TEXT, TOO_DEEP, outline
from ..parts import decode_parts

LOCATION = "mock.stream"

SERVER = "mock"
"""The MCP server that the program plays when it shows a form."""

STARTS = ("crash", "hang")
"""Variants: how the program shall fail to start."""


class _Line(Struct, tag_field="type"):
    pass


class _Hello(_Line, tag="hello"):
    session: str
    kept: bool = True
    lost: bool = False


class _Started(_Line, tag="item_started"):
    id: str
    kind: ItemKind
    role: ItemRole | None
    content: tuple[Raw, ...] = ()
    parent: str | None = None


class _Delta(_Line, tag="delta"):
    id: str
    text: str


class _Completed(_Line, tag="item_completed"):
    id: str
    kind: ItemKind
    role: ItemRole | None
    content: tuple[Raw, ...] = ()
    failed: bool = False


class _Permission(_Line, tag="permission"):
    id: str
    action: str
    metadata: dict[str, Any] = {}


class _Question(_Line, tag="question"):
    id: str
    question: str
    options: tuple[str, ...] = ()
    form: Any = None
    url: Any = None


class _Withdraw(_Line, tag="withdraw"):
    id: str


class _Error(_Line, tag="error"):
    code: str
    message: str


class _Task(Struct):
    id: str
    kind: str
    description: str


class _Background(_Line, tag="background"):
    tasks: tuple[_Task, ...]


class _TurnEnded(_Line, tag="turn_ended"):
    outcome: TurnOutcome


class _SessionEnded(_Line, tag="session_ended"):
    reason: SessionEndReason


_Said = (
    _Hello
    | _Started
    | _Delta
    | _Completed
    | _Permission
    | _Question
    | _Withdraw
    | _Error
    | _Background
    | _TurnEnded
    | _SessionEnded
)
_decode = msgspec.json.Decoder[_Said](_Said).decode


class Mock:
    """Speaks with one mock agent process. Its native session id is ``mock-<session id>``. The variants ``crash`` and
    ``hang`` are how its start goes wrong."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._native_id = spec.resume or f"mock-{spec.session_id}"
        self._state: Literal["new", "ready", "ended"] = "new"
        self._turn = self._aside = self._working = False
        self._approvals: dict[str, str] = {}
        self._forms: dict[str, Form] = {}
        self._ids = ApprovalIds()

    def __repr__(self) -> str:
        return f"<Mock {self._native_id!r} {self._state} asks={list(self._approvals)}>"

    def launch(self) -> Launch:
        step = self._spec.settings.get("step_ms")
        start = self._spec.variant if self._spec.variant in STARTS else None
        options = [("--step-ms", step)] if step is not None else []
        options += [("--start", start)] if start is not None else []
        memory = self._spec.settings.get("memory")
        options += [("--memory", memory)] if memory is not None else []
        return Launch((*self._spec.executable, *(word for option in options for word in option)))

    def begin(self) -> Effects:
        resume = self._spec.resume is not None
        hello = {"type": "hello", "session": self._native_id}
        return (
            NativeSessionNamed(self._native_id, resumable=resume),
            _write(hello | {"resume": True} if resume else hello),
        )

    def prompt(self, prompt: Prompt) -> Effects:
        paths = "\n".join(f"- {attachment.path}" for attachment in prompt.attachments)
        text = f"{prompt.text}\n\nAttachments:\n{paths}" if paths else prompt.text
        self._turn, self._aside = True, False
        return (TurnStarted(), _write({"type": "prompt", "number": prompt.number, "text": text}))

    def receive(self, line: bytes) -> Effects:
        try:
            if may_be_deep(line):
                check_depth(msgspec.json.decode(line))
            return self._heard(_decode(line), line)
        except RecursionError as error:
            refused = self._unreadable(outline(line), line)
            return refused or (Unparsed(str(error), LOCATION, raw=line),)
        except msgspec.ValidationError:
            return (Unparsed("unsupported payload", LOCATION, raw=line),)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return (Unparsed(f"not JSON: {error}", LOCATION, raw=line),) if line.strip() else ()

    def _heard(self, said: _Said, raw: bytes) -> Effects:
        match said:
            case _Delta():
                return (ItemDelta(said.id, said.text, raw=raw),)
            case _Started():
                content = decode_parts(said.content)
                return (*self._begun(), ItemStarted(said.id, said.kind, said.role, content, said.parent, raw=raw))
            case _Completed():
                content = decode_parts(said.content)
                return (ItemCompleted(said.id, said.kind, said.role, content, said.failed, raw=raw),)
            case _Background():
                return self._background(said.tasks)
            case _TurnEnded():
                self._turn = False
                return (TurnEnded(said.outcome, raw=raw),)
            case _Permission():
                approval_id = self._ids.give(said.id)
                if said.id in self._approvals.values():
                    return (PermissionRefused(approval_id, said.action, REPEATED, said.metadata), _deny(said.id))
                self._approvals[approval_id] = said.id
                always = of_input(said.action, said.metadata)
                return (*self._begun(), RequestPermission(approval_id, said.action, said.metadata, raw, always))
            case _Question():
                approval_id = self._ids.give(said.id)
                if said.id in self._approvals.values():
                    return (PermissionRefused(approval_id, "question", REPEATED, {"question": said.question}),)
                return self._asked(approval_id, said, raw)
            case _Withdraw():
                return self._withdraw(
                    *(approval_id for approval_id, native in self._approvals.items() if native == said.id)
                )
            case _Error():
                return (Errored(ErrorData(said.message, said.code), synthetic=True, raw=raw),)
            case _SessionEnded():
                self._state = "ended"
                return (*self._withdraw(*self._approvals), SessionEnded(said.reason, raw=raw))
            case _Hello():
                first, self._state = self._state == "new", "ready"
                return tuple(self._greeted(said, raw)) if first else ()

    def _asked(self, approval_id: str, said: _Question, raw: bytes) -> Effects:
        if said.form is None and said.url is None:
            data = _question_data(approval_id, said)
        else:
            try:
                form = elicited(SERVER, said.question, schema=said.form, url=said.url)
            except Unaskable as why:
                refused = _write({"type": "question", "id": said.id, "answers": None})
                return (refused, declined(approval_id, SERVER, said.question, why, raw))
            self._forms[approval_id] = form
            data = form.question(approval_id)
        self._approvals[approval_id] = said.id
        return (RequestQuestion(data, raw=raw),)

    def _begun(self) -> Effects:
        """What work in the background brings comes in a turn of its own."""
        if self._turn or not self._working:
            return ()
        self._turn = self._aside = True
        return (TurnStarted(gives_way=True),)

    def _background(self, tasks: Sequence[_Task]) -> Effects:
        told = tuple(BackgroundTask.of(task.id, task.kind, task.description) for task in tasks[:MOST_TASKS])
        self._working = bool(told)
        if not self._aside or self._working:
            return (BackgroundChanged(told),)
        self._turn = self._aside = False
        return (BackgroundChanged(told), TurnEnded())

    def _unreadable(self, told: dict[str, Any], raw: bytes) -> Effects:
        native_id = told.get("id")
        if told.get("type") != "permission" or not isinstance(native_id, str):
            return ()
        shown = {"input": shortened(raw.decode(errors="replace"), MAX_TEXT)}
        approval_id, action = self._ids.give(native_id), as_text(told.get("action") or "permission")
        return (PermissionRefused(approval_id, action, TOO_DEEP, shown), _deny(native_id))

    def _greeted(self, said: _Hello, raw: bytes) -> Iterator[Effect]:
        yield NativeSessionNamed(self._native_id, said.kept)
        if self._spec.resume is not None:
            if said.lost:
                error = ErrorData(f"No conversation of {self._native_id} is kept", "resume_failed")
                yield Errored(error, retryable=True, synthetic=True, raw=raw)
            yield ConversationOpened(resumed=not said.lost)
        yield Ready()

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        native_id = self._approvals.pop(permission_id, permission_id)
        return (_write({"type": "permission", "id": native_id, "reply": reply}),)

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        native_id = self._approvals.pop(question_id, question_id)
        told: dict[str, Any] = {"type": "question", "id": native_id}
        form = self._forms.pop(question_id, None)
        return (_write(told | ({"answers": answers} if form is None else {"content": form.content(answers)})),)

    def interrupt(self) -> Effects:
        return (_write({"type": "interrupt"}),)

    def exited(self, status: ExitStatus) -> Effects:
        self._state = "ended"
        return self._withdraw(*self._approvals)

    def _withdraw(self, *approval_ids: str) -> Effects:
        """An ask outlives its turn (``demo`` goes on without the answers), but not the program."""
        known = [approval_id for approval_id in approval_ids if approval_id in self._approvals]
        for approval_id in known:
            del self._approvals[approval_id]
            self._forms.pop(approval_id, None)
        return tuple(WithdrawApproval(approval_id) for approval_id in known)


def _deny(native_id: str) -> Write:
    return _write({"type": "permission", "id": native_id, "reply": "reject"})


def _question_data(approval_id: str, said: _Question) -> QuestionEventData:
    part = QuestionPart(said.question, tuple(QuestionOption(label) for label in said.options))
    return QuestionEventData(approval_id, said.question, said.options, None, "requested", (part,))


def _write(message: dict[str, Any]) -> Write:
    return Write(msgspec.json.encode(message) + b"\n")
