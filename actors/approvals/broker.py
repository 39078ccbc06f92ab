"""The permission broker: every pending permission and question of every session, and who may answer it, once.

A session tells the broker what its agent asks; the broker decides from the rules, or keeps it until a human answers or
the time is up. Every decision goes back to the session as :class:`Decide`; only when the session has taken it is the
ask gone, so an answer that could not be delivered can be given again.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import assert_never

import trio
from attrs import Factory, define, evolve, field, frozen

from ...schema.agents.elicitation.answers import BadAnswer, expected, value_of
from ...schema.api.commands import (
    ApprovalCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
)
from ...schema.api.sessions import (
    PendingPermission,
    PendingQuestion,
    PermissionListResponse,
    PermissionReply,
    QuestionListResponse,
)
from ...schema.approvals.approval_data import ApprovalData, approval_id_of
from ...schema.approvals.decided_by import LOCAL, DecidedBy, because_of
from ...schema.approvals.rules import PermissionRule, RuleListResponse
from ...schema.bounds import MAX_REPEATED, shortened
from ...schema.events import PermissionEventData, QuestionEventData
from ...schema.problems import Problem, decision_conflict, invalid_request, rule_not_found
from ...schema.redaction.events import unmasked_answers
from ..journal.interface import CommandKey
from ..kernel.actor import Actor
from ..kernel.mailbox import ActorCrashed, ActorGone, Envelope, Mailbox, Request
from .always_rules import AlwaysRules, Grant, rule_id_of

Answers = tuple[tuple[str, ...], ...]


@frozen
class Decision:
    """``reply`` for a permission; ``answers`` for a question, None when it is rejected. ``cause`` says why nobody
    human decided: a rule, the timeout, or why the ask was closed. ``by`` is who decided."""

    approval_id: str
    reply: PermissionReply | None = None
    answers: Answers | None = field(default=None, repr=False)
    cause: str | None = None
    by: DecidedBy = LOCAL


@frozen
class Decide(Request[bool]):
    """To the session: a decision. The reply is False when the agent no longer waits for it."""

    decision: Decision
    key: CommandKey | None = None


@frozen
class ApprovalRequested:
    """From the session: its agent asks. ``session`` is where the decision goes. After ``timeout`` seconds the ask is
    rejected; 0 waits for ever. ``ask`` is what the agent said, ``shown`` the same with its secrets masked. ``grant`` is
    what an `always` would be; None when there can be none."""

    session_id: str
    session: Mailbox
    ask: ApprovalData
    at_ms: int
    timeout: float = 0.0
    shown: ApprovalData = field(default=Factory(lambda asked: asked.ask, takes_self=True))  # pyright: ignore[reportUnknownLambdaType, reportUnknownMemberType]
    grant: Grant | None = None


@frozen
class Withdrawn:
    """From the session: the agent no longer waits, or the session has resolved the ask itself."""

    session_id: str
    approval_id: str


@frozen
class Forget:
    """From the session or the registry: its asks go, and when it has ended its rules too."""

    session_id: str
    rules: bool = True


@frozen
class ExecuteApproval(Request[None]):
    """A client's command that decides what is asked."""

    session_id: str
    command: ApprovalCommand
    key: CommandKey | None = None
    by: DecidedBy = LOCAL


@frozen
class ListRules(Request[RuleListResponse]):
    session_id: str


@frozen
class RevokeRule(Request[PermissionRule]):
    """The reply is the rule, which grants nothing any more. Raises the ``rule_not_found`` problem."""

    session_id: str
    rule_id: str


@frozen
class ListPermissions(Request[PermissionListResponse]):
    pass


@frozen
class ListQuestions(Request[QuestionListResponse]):
    pass


@define(eq=False)
class _Pending:
    asked: ApprovalRequested
    deciding: bool = False
    expired: trio.CancelScope = field(factory=trio.CancelScope)


@frozen
class _TimeUp:
    session_id: str
    approval_id: str


_NO_RULE = "its agent wants a decision each time, or it is not known what it is about"


def _check(ask: ApprovalData, answers: Answers | None) -> None:
    """One list of labels per question, or none at all."""
    expected = len(ask.questions) if isinstance(ask, QuestionEventData) and ask.questions else 1
    if answers is not None and len(answers) != expected:
        lists = "one list" if expected == 1 else f"{expected} lists"
        raise invalid_request(
            f"question {approval_id_of(ask)} needs {lists} of answers, one per question; got {len(answers)}"
        )


def _check_values(asked: ApprovalRequested, given: Answers | None) -> None:
    """Each answer to a field of a form. ``given`` is in the agent's own labels, what is told in those that are shown.
    Raises a 400 problem; it repeats nothing of an answer, which may be a secret."""
    ask, shown = asked.ask, asked.shown
    if given is None or not isinstance(ask, QuestionEventData) or not isinstance(shown, QuestionEventData):
        return
    parts = zip(ask.questions or (), shown.questions or (), given, strict=False)
    for part, known, labels in parts:
        try:
            if part.kind is not None:
                value_of(part, labels)
        except BadAnswer:
            name = shortened(known.name or known.question, MAX_REPEATED)
            right = expected(known)
            raise invalid_request(f"the answer to {name!r} must be {right}", field=name, expected=right) from None


def _as_asked(asked: ApprovalRequested, answers: Answers | None) -> Answers | None:
    """In the agent's own labels."""
    ask, shown = asked.ask, asked.shown
    if answers is None or ask is shown or not isinstance(ask, QuestionEventData):
        return answers
    return unmasked_answers(shown, ask, answers) if isinstance(shown, QuestionEventData) else answers


class PermissionBroker(Actor):
    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(mailbox)
        self._rules = AlwaysRules()
        self._pending: dict[tuple[str, str], _Pending] = {}

    def __repr__(self) -> str:
        return f"<PermissionBroker pending={len(self._pending)} {self._rules!r}>"

    async def handle(self, envelope: Envelope) -> None:
        match envelope.message:
            case ApprovalRequested() as asked:
                self._asked(asked)
            case Withdrawn(session_id, approval_id):
                self._drop((session_id, approval_id))
            case Forget(session_id, rules):
                if rules:
                    self._rules.forget(session_id)
                for key in [key for key in self._pending if key[0] == session_id]:
                    self._drop(key)
            case ExecuteApproval() as asked:
                self._execute(asked, envelope)
            case _TimeUp(session_id, approval_id):
                self._time_up(session_id, approval_id)
            case ListRules(session_id):
                envelope.answer(RuleListResponse(tuple(self._rules.of(session_id))))
            case RevokeRule(session_id, rule_id):
                if (rule := self._rules.revoke(session_id, rule_id)) is None:
                    raise rule_not_found(rule_id)
                envelope.answer(rule)
            case ListPermissions():
                envelope.answer(PermissionListResponse(tuple(self._permissions())))
            case ListQuestions():
                envelope.answer(QuestionListResponse(tuple(self._questions())))
            case unknown:
                raise TypeError(f"PermissionBroker got {unknown!r}")

    def _execute(self, asked: ExecuteApproval, envelope: Envelope) -> None:
        session_id, key, by = asked.session_id, asked.key, asked.by
        match asked.command:
            case PermissionReplyCommand(permission_id=permission_id, reply=reply, input_digest=digest):
                pending = self._find(session_id, permission_id, PermissionEventData, digest)
                by = self._making_rule(pending, by) if reply == "always" else by
                decision = Decision(permission_id, reply=reply, by=by)
            case QuestionReplyCommand(question_id=question_id, answers=answers, input_digest=digest):
                pending = self._find(session_id, question_id, QuestionEventData, digest)
                _check(pending.asked.ask, answers)
                given = _as_asked(pending.asked, answers)
                _check_values(pending.asked, given)
                decision = Decision(question_id, answers=given, by=by)
            case QuestionRejectCommand(question_id=question_id):
                pending = self._find(session_id, question_id, QuestionEventData, None)
                decision = Decision(question_id, by=by)
            case _:
                assert_never(asked.command)
        self._settle(pending, Decide(decision, key), envelope)

    def _asked(self, asked: ApprovalRequested) -> None:
        pending = _Pending(asked)
        key = (asked.session_id, approval_id_of(asked.ask))
        self._pending[key] = pending
        if not self._granted(pending) and asked.timeout:
            self.nursery.start_soon(self._expire, pending, key)

    def _granted(self, pending: _Pending) -> bool:
        """Whether there is a rule for this, which decides now."""
        asked = pending.asked
        if asked.grant is None or (rule_id := self._rules.find(asked.session_id, asked.grant)) is None:
            return False
        self._rules.used(asked.session_id, asked.grant)
        by = DecidedBy("rule", rule=rule_id)
        self._settle(pending, Decide(Decision(approval_id_of(asked.ask), reply="always", cause="rule", by=by)))
        return True

    def _making_rule(self, pending: _Pending, by: DecidedBy) -> DecidedBy:
        """Who decides, and which rule is made by that. Raises a 400 problem where there can be none."""
        asked = pending.asked
        approval_id = approval_id_of(asked.ask)
        if asked.grant is None:
            raise invalid_request(f"{approval_id} cannot be allowed always: {_NO_RULE}; reply once")
        return evolve(by, rule=self._rules.find(asked.session_id, asked.grant) or rule_id_of(approval_id))

    async def _expire(self, pending: _Pending, key: tuple[str, str]) -> None:
        with pending.expired:
            await trio.sleep(pending.asked.timeout)
            await self.mailbox.tell(_TimeUp(*key))

    def _time_up(self, session_id: str, approval_id: str) -> None:
        pending = self._pending.get((session_id, approval_id))
        if pending is None or pending.deciding:
            return
        permission = isinstance(pending.asked.ask, PermissionEventData)
        decision = Decision(
            approval_id, reply="reject" if permission else None, cause="timeout", by=because_of("timeout")
        )
        self._settle(pending, Decide(decision))

    def _find(self, session_id: str, approval_id: str, cls: type[ApprovalData], digest: str | None) -> _Pending:
        pending = self._pending.get((session_id, approval_id))
        if pending is None or not isinstance(pending.asked.ask, cls) or pending.deciding:
            kind = "permission" if cls is PermissionEventData else "question"
            raise invalid_request(f"unknown {kind} id: {approval_id}")
        if digest is not None and digest != pending.asked.ask.input_digest:
            raise decision_conflict(approval_id)
        return pending

    def _settle(self, pending: _Pending, decide: Decide, envelope: Envelope | None = None) -> None:
        """In a task of its own: the session may be waiting for room in our mailbox at this moment."""
        pending.deciding = True
        if envelope is not None:
            self.later(envelope, partial(self._deliver, pending, decide))
        else:
            self.nursery.start_soon(self._deliver_unasked, pending, decide)

    async def _deliver_unasked(self, pending: _Pending, decide: Decide) -> None:
        """What no client decided: nobody waits to hear that the session is gone or did not take it."""
        with suppress(ActorGone, ActorCrashed, Problem):
            await self._deliver(pending, decide)

    async def _deliver(self, pending: _Pending, decide: Decide) -> None:
        session_id, decision = pending.asked.session_id, decide.decision
        try:
            taken = await pending.asked.session.ask(decide)
        except (ActorGone, ActorCrashed, Problem):
            pending.deciding = False
            raise
        known = (session_id, decision.approval_id) in self._pending  # else the session has ended meanwhile
        if taken and known and decision.reply == "always" and decision.cause is None:
            self._remember(pending.asked, decision)
        self._drop((session_id, decision.approval_id))
        if not taken:
            raise invalid_request(f"{decision.approval_id} was withdrawn: the agent no longer waits for it")

    def _remember(self, asked: ApprovalRequested, decision: Decision) -> None:
        """What else waits for the same is granted with it."""
        if (grant := asked.grant) is None or not isinstance(ask := asked.ask, PermissionEventData):
            return
        self._rules.remember(asked.session_id, grant, ask.permission_id, ask.action, asked.at_ms, decision.by)
        for other in self._pending.values():
            if other.asked.session_id == asked.session_id and not other.deciding:
                self._granted(other)

    def _drop(self, key: tuple[str, str]) -> None:
        pending = self._pending.pop(key, None)
        if pending is not None:
            pending.expired.cancel()

    def _permissions(self) -> Sequence[PendingPermission]:
        return [
            PendingPermission(p.asked.session_id, p.asked.at_ms, p.asked.shown)
            for p in self._pending.values()
            if isinstance(p.asked.shown, PermissionEventData) and not p.deciding
        ]

    def _questions(self) -> Sequence[PendingQuestion]:
        return [
            PendingQuestion(p.asked.session_id, p.asked.at_ms, p.asked.shown)
            for p in self._pending.values()
            if isinstance(p.asked.shown, QuestionEventData) and not p.deciding
        ]
