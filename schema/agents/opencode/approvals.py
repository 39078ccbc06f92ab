"""What opencode asks of a human: permissions and questions, of the session and of its sub-agents alike."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from attrs import field, frozen

from ...api.sessions import PermissionReply
from ...approvals.approval_ids import REPEATED, ApprovalIds
from ...bounds import bounded_id, shortened
from ...events import QuestionEventData, QuestionOption, QuestionPart
from ..effects import CallHttp, Effect, PermissionRefused, RequestPermission, RequestQuestion, WithdrawApproval
from ..json_lines import as_text, members
from ..names import Names
from ..outline import MAX_TEXT, TOO_DEEP
from ..remembered import Remembered
from .always import always_of, left_out
from .calls import Call, Calls
from .wire import PermissionAsked, QuestionAsked

REPLY = "reply "
"""What the ids of the calls that answer an ask begin with; the ask's id follows."""

DENIED = "The user does not allow this."
NOT_ANSWERED = "The user does not want to answer."

REMEMBERED = 1000
"""Asks that were answered or withdrawn and must not be asked again when the stream is opened anew."""


@frozen
class _Approval:
    """``approval_id`` is what the client names it by, ``native_id`` opencode: the same, unless that was used before.
    ``about`` tells two asks of one id apart."""

    approval_id: str
    native_id: str
    call: Call | None = field(eq=False)
    about: bytes = field(repr=False)
    questions: tuple[QuestionPart, ...] = field(default=(), eq=False)


class Approvals:
    """What is asked and not yet answered. The id of an ask is opencode's. ``accept_edits``: the session's mode accepts
    changes of files inside of the workspace."""

    def __init__(self, names: Names, *, accept_edits: bool = False) -> None:
        self.calls = Calls(names)
        self._accept_edits = accept_edits
        self._ids = ApprovalIds()
        self._open: dict[str, _Approval] = {}
        self._done = Remembered[bytes](REMEMBERED)

    def __repr__(self) -> str:
        return f"<Approvals open={sorted(self._open)}>"

    def permission(self, asked: PermissionAsked, raw: bytes) -> Iterator[Effect]:
        about = _about([asked.permission, asked.patterns, asked.metadata])
        if self._is_known(asked.id, about):
            return
        facts = members(asked.metadata)
        call = self.calls.asked_about(asked.tool, facts)
        arguments = call.arguments if call is not None else None  # a permission does not tell all of them
        if isinstance(diff := facts.get("diff"), str) and call is not None:
            self.calls.diff(call, diff)
        metadata = {
            "permission": asked.permission,
            "patterns": asked.patterns,
            "input": asked.metadata,
            "permissionSuggestions": asked.always,
            "toolUseId": call.name if call is not None else "",
            **left_out(asked, arguments),
        }
        approval_id = self._ids.give(asked.id)
        if self._is_open(asked.id):
            yield from self._refused(approval_id, asked.id, "permission", asked.permission, metadata)
            return
        self._open[approval_id] = _Approval(approval_id, asked.id, call, about)
        inside = self._accept_edits and asked.permission == "edit"
        always = always_of(asked, arguments)
        yield RequestPermission(approval_id, asked.permission, metadata, raw, always, accept_inside=inside)

    def question(self, asked: QuestionAsked, raw: bytes) -> Iterator[Effect]:
        parts = tuple(
            QuestionPart(part.question, tuple(map(_option, part.options)), part.header, bool(part.multiple))
            for part in asked.questions
        )
        about = _about([[part.question, part.options] for part in asked.questions])
        if not parts or self._is_known(asked.id, about):
            return
        approval_id = self._ids.give(asked.id)
        if self._is_open(asked.id):
            shown = {"questions": [part.question for part in parts]}
            yield from self._refused(approval_id, asked.id, "question", "question", shown)
            return
        call = self.calls.asked_about(asked.tool, {})
        self._open[approval_id] = _Approval(approval_id, asked.id, call, about, parts)
        labels = tuple(option.label for option in parts[0].options)
        yield RequestQuestion(QuestionEventData(approval_id, parts[0].question, labels, None, "requested", parts), raw)

    def unreadable(self, told: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        """``told`` is the outline of an event that cannot be decoded."""
        kind, properties = told.get("type"), members(told.get("properties"))
        native_id = properties.get("id")
        if kind not in ("permission.asked", "question.asked") or not isinstance(native_id, str):
            return
        what = kind.partition(".")[0]
        shown = {"input": shortened(raw.decode(errors="replace"), MAX_TEXT)}
        yield PermissionRefused(
            self._ids.give(native_id), as_text(properties.get("permission") or what), TOO_DEEP, shown
        )
        yield _refusal(native_id, what, f"This is refused: {TOO_DEEP}.")

    def _refused(self, approval_id: str, native_id: str, what: str, action: str, shown: Any) -> Iterator[Effect]:
        """An answer names its ask by the id alone, so of two with one id only the first can be answered."""
        yield PermissionRefused(approval_id, action, REPEATED, shown)
        yield _refusal(native_id, what, f"This is refused: {REPEATED}.")

    def _is_open(self, native_id: str) -> bool:
        return any(ask.native_id == native_id for ask in self._open.values())

    def _is_known(self, native_id: str, about: bytes) -> bool:
        """It was asked before: the stream was broken, and all that is open is listed again."""
        same = (native_id, about)
        return self._done.get(bounded_id(native_id)) == about or any(
            (ask.native_id, ask.about) == same for ask in self._open.values()
        )

    def _take(self, approval_id: str) -> _Approval | None:
        ask = self._open.pop(approval_id, None)
        if ask is not None:
            self._done.put(bounded_id(ask.native_id), ask.about)
        return ask

    def permission_answered(self, approval_id: str, reply: PermissionReply) -> Iterator[Effect]:
        if (ask := self._take(approval_id)) is not None:
            # Without a message a rejection would end the whole turn, silently. An `always` is the daemon's to remember.
            body = {"reply": "reject", "message": DENIED} if reply == "reject" else {"reply": "once"}
            yield _reply(ask.native_id, "permission", "reply", body)

    def question_answered(self, approval_id: str, answers: Sequence[Sequence[str]] | None) -> Iterator[Effect]:
        ask = self._take(approval_id)
        if ask is None:
            return
        if answers is None:
            # Opencode's own rejection would end the whole turn, silently.
            if ask.call is not None:
                ask.call.refused = True
            answers = [[NOT_ANSWERED] for _ in ask.questions]
        yield _reply(ask.native_id, "question", "reply", {"answers": [list(given) for given in answers]})

    def withdrawn(self, native_id: str) -> Iterator[Effect]:
        """Opencode no longer waits: somebody else answered, or an answer to another ask settled this one too."""
        for approval_id in [ask.approval_id for ask in self._open.values() if ask.native_id == native_id]:
            self._take(approval_id)
            yield WithdrawApproval(approval_id)

    def stopped(self) -> Iterator[Effect]:
        """The turn is being stopped. Opencode would keep the asks of a turn that is gone."""
        for ask in list(self._open.values()):
            yield from self.withdrawn(ask.native_id)
            if ask.questions:
                yield _reply(ask.native_id, "question", "reject", None)
            else:
                yield _reply(ask.native_id, "permission", "reply", {"reply": "reject"})

    def turn_ended(self) -> Iterator[Effect]:
        """What nobody waits for any more."""
        for ask in list(self._open.values()):
            yield from self.withdrawn(ask.native_id)
        self.calls.clear()


def _about(facts: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(facts, order="sorted"), digest_size=16).digest()


def _refusal(native_id: str, what: str, why: str) -> CallHttp:
    if what == "question":
        return _reply(native_id, what, "reject", None)
    return _reply(native_id, what, "reply", {"reply": "reject", "message": why})


def _reply(native_id: str, what: str, verb: str, body: object) -> CallHttp:
    path = f"/{what}/{quote(native_id, safe='')}/{verb}"
    return CallHttp(REPLY + native_id, "POST", path, None if body is None else msgspec.json.encode(body))


def _option(option: object) -> QuestionOption:
    said = members(option)
    description = said.get("description")
    return QuestionOption(as_text(said.get("label", option)), description if isinstance(description, str) else None)
