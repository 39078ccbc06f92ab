"""What opencode asks of a human: permissions and questions, of the session and of its sub-agents alike."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec
from attrs import field, frozen

from ..events import QuestionEventData, QuestionOption, QuestionPart
from ..sessions import PermissionReply
from .effects import AskPermission, AskQuestion, CallHttp, Effect, WithdrawAsk
from .native import as_text, members
from .opencode_wire import PermissionAsked, QuestionAsked

REPLY = "reply "
"""What the ids of the calls that answer an ask begin with; the ask's id follows."""

DENIED = "The user does not allow this."
NOT_ANSWERED = "The user does not want to answer."

REMEMBERED = 1000
"""Asks that were answered or withdrawn and must not be asked again when the stream is opened anew."""


@frozen
class _Ask:
    ask_id: str
    call_id: str
    questions: tuple[QuestionPart, ...] = field(default=(), eq=False)


class Asks:
    """What is asked and not yet answered. The id of an ask is opencode's."""

    def __init__(self) -> None:
        self._open: dict[str, _Ask] = {}
        self._done: dict[str, None] = {}
        self.refused_calls: set[str] = set()
        """The tool calls of questions that the human rejected."""
        self.diffs: dict[str, str] = {}
        """What a tool call would change, from the permission that it asked for: a finished ``write`` does not tell."""

    def __repr__(self) -> str:
        return f"<Asks open={sorted(self._open)}>"

    def permission(self, asked: PermissionAsked, raw: bytes) -> Iterator[Effect]:
        call_id = asked.tool.call_id if asked.tool else ""
        if not self._add(_Ask(asked.id, call_id)):
            return
        facts = members(asked.metadata)
        if isinstance(diff := facts.get("diff"), str) and call_id:
            self.diffs[call_id] = diff
        metadata = {
            "permission": asked.permission,
            "patterns": asked.patterns,
            "input": asked.metadata,
            "always": asked.always,
            "toolUseId": call_id,
        }
        yield AskPermission(asked.id, asked.permission, metadata, raw)

    def question(self, asked: QuestionAsked, raw: bytes) -> Iterator[Effect]:
        parts = tuple(
            QuestionPart(part.question, tuple(map(_option, part.options)), part.header, bool(part.multiple))
            for part in asked.questions
        )
        if not parts or not self._add(_Ask(asked.id, asked.tool.call_id if asked.tool else "", parts)):
            return
        labels = tuple(option.label for option in parts[0].options)
        yield AskQuestion(QuestionEventData(asked.id, parts[0].question, labels, None, "requested", parts), raw)

    def _add(self, ask: _Ask) -> bool:
        if ask.ask_id in self._open or ask.ask_id in self._done:
            return False
        self._open[ask.ask_id] = ask
        return True

    def _take(self, ask_id: str) -> _Ask | None:
        ask = self._open.pop(ask_id, None)
        if ask is not None:
            self._done[ask_id] = None
            if len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        return ask

    def permission_answered(self, ask_id: str, reply: PermissionReply) -> Iterator[Effect]:
        if self._take(ask_id) is not None:
            # Without a message a rejection would end the whole turn, silently.
            body = {"reply": reply, "message": DENIED} if reply == "reject" else {"reply": reply}
            yield _reply(ask_id, "permission", "reply", body)

    def question_answered(self, ask_id: str, answers: Sequence[Sequence[str]] | None) -> Iterator[Effect]:
        ask = self._take(ask_id)
        if ask is None:
            return
        if answers is None:
            # Opencode's own rejection would end the whole turn, silently.
            self.refused_calls.add(ask.call_id)
            answers = [[NOT_ANSWERED] for _ in ask.questions]
        yield _reply(ask_id, "question", "reply", {"answers": [list(given) for given in answers]})

    def withdrawn(self, ask_id: str) -> Iterator[Effect]:
        """Opencode no longer waits: somebody else answered, or an answer to another ask settled this one too."""
        if self._take(ask_id) is not None:
            yield WithdrawAsk(ask_id)

    def stopped(self) -> Iterator[Effect]:
        """The turn is being stopped. Opencode would keep the asks of a turn that is gone."""
        for ask in list(self._open.values()):
            yield from self.withdrawn(ask.ask_id)
            if ask.questions:
                yield _reply(ask.ask_id, "question", "reject", None)
            else:
                yield _reply(ask.ask_id, "permission", "reply", {"reply": "reject"})

    def turn_ended(self) -> Iterator[Effect]:
        """What nobody waits for any more."""
        for ask_id in list(self._open):
            yield from self.withdrawn(ask_id)
        self.refused_calls.clear()
        self.diffs.clear()


def _reply(ask_id: str, what: str, verb: str, body: object) -> CallHttp:
    path = f"/{what}/{quote(ask_id, safe='')}/{verb}"
    return CallHttp(REPLY + ask_id, "POST", path, None if body is None else msgspec.json.encode(body))


def _option(option: object) -> QuestionOption:
    said = members(option)
    description = said.get("description")
    return QuestionOption(as_text(said.get("label", option)), description if isinstance(description, str) else None)
