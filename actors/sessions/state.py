"""The record: what is kept of a session, and how it is brought to a close. It knows of no process and no client.

It holds the promises about turns: each runs alone in the order of the prompts, and every turn, item and ask that was
opened is closed. What is said here is gathered; :meth:`write` gives all of it to the journal in one entry.
"""

from collections.abc import Sequence

import structlog
from attrs import evolve

from ...schema.agents.dialect import Prompt
from ...schema.agents.effects import (
    Errored,
    ItemCompleted,
    PermissionRefused,
    RequestPermission,
    RequestQuestion,
    SessionEnded,
    TurnEnded,
    TurnStarted,
    Unparsed,
)
from ...schema.api.commands import Receipt
from ...schema.approvals.approval_data import ApprovalData, approval_id_of
from ...schema.approvals.decided_by import DecidedBy, because_of
from ...schema.approvals.rules import PermissionRule
from ...schema.background import BackgroundTask
from ...schema.bounds import MAX_END_MESSAGE, MAX_NATIVE_ID, shortened
from ...schema.events import ErrorData, SessionEndedData, TurnOutcome
from ...schema.items import StatusPart, TextPart
from ...schema.problems import Problem, prompt_not_queued
from ...schema.redaction.events import masked_approval
from ...schema.timeouts import Timeouts
from ...schema.workspace.project import LeftOut
from ..approvals.broker import ApprovalRequested, Decision, Forget, Withdrawn
from ..approvals.digests import InputDigests
from ..approvals.granting import ToGrant
from ..journal.event_log import EventLog
from ..journal.interface import CommandKey, Entry, KeptAnswer, QueuedPrompt, SessionRow
from ..journal.kept_answers import keep_result
from ..kernel.mailbox import Mailbox
from .context import SessionContext
from .event_recorder import EventRecorder
from .open_approvals import OpenApprovals, requested, resolved
from .session_facts import SessionFacts
from .snapshot import started

_log = structlog.get_logger("session")


ForBroker = ApprovalRequested | ToGrant | Withdrawn | Forget

OWN_TURN = {"origin": "agent"}
"""The metadata of a turn that no prompt began."""


class SessionState(SessionFacts):
    """The row of the session is its own: others read it by the properties of
    :class:`.SessionFacts`, and change it by the verbs below.

    Until :meth:`restore` has returned, it can be read, and everything that changes the row or writes raises
    :class:`.NotRestored`."""

    def __init__(self, context: SessionContext, row: SessionRow, log: EventLog) -> None:
        super().__init__(row)
        self.log = log
        self.recorder = EventRecorder(
            row, log, context.codec, context.clock, context.redactor, max_raw_bytes=context.settings.max_raw_bytes
        )
        self.ledger = self.recorder.ledger
        self.approvals = OpenApprovals()
        self._current: QueuedPrompt | None = None
        self._for_broker: list[ForBroker] = []
        self._digests = InputDigests()
        self._left_out: Sequence[LeftOut] | None = None
        self._context = context
        self._settings = context.settings
        self._cells = context.cells
        self._answers: list[KeptAnswer] = []
        self._begun = log.last > 0
        self._timed_out: str | None = None
        self._gives_way = False

    def __repr__(self) -> str:
        return (
            f"<SessionState {self.session_id} turn={self.ledger.turn} queued={len(self._row.queue)}"
            f" {self.approvals!r} {self.recorder!r}>"
        )

    # Its life.

    async def restore(self) -> None:
        """Go on where a former life ended, if there was one."""
        journal = self._context.journal
        # A barrier: what the former life had given to the journal is in the log now, and the row is the one beside it.
        await journal.write(Entry(self.session_id))
        self._context.failpoints.reach("session.restoring")
        self._kept.restore(journal.row(self.session_id))
        await self.recorder.restore(self._row)
        self._begun = self.log.last > 0
        for ask in self._row.asks:
            self.approvals.add(ask)
        self._kept.allow_changes()

    def recover(self) -> bool:
        """Close what a former life left open. True when there was a former life."""
        if self.approvals or self.ledger.turn:
            self.error("session_restarted", "the session was restarted; its turn cannot go on")
        self.close_turn("failed", "restart")
        if self._row.current is not None and self._row.current.turn_id != self.ledger.last_turn:
            self.open_turn(self._row.current)
            self.error("session_restarted", "the session was restarted before the agent got the prompt")
            self.close_turn("failed", "restart")
        self.background((), "it ended with the daemon")
        # Also what the broker was told and the log was not.
        self._for_broker = [Forget(self.session_id, rules=False)]
        return self._begun

    @property
    def begun(self) -> bool:
        return self._begun

    def note_left_out(self, files: Sequence[LeftOut] | None) -> None:
        """What the first event tells of the workspace."""
        self._left_out = files

    def begin(self) -> None:
        """Once, before anything else is told: a session may have to wait until its agent is installed."""
        if not self._begun:
            self._begun = True
            self.recorder.note(
                "session.started", started(self._row, self._settings, self._left_out, self._cells.isolation)
            )

    # Prompts and turns.

    @property
    def turn_id(self) -> str | None:
        """The turn that runs: from when the agent gets its prompt, or begins one by itself."""
        return self._current.turn_id if self._current is not None else self.ledger.turn

    @property
    def in_flight(self) -> bool:
        return self.turn_id is not None

    @property
    def gives_way(self) -> bool:
        """The turn that is open is one of the agent's own, which no prompt waits for."""
        return self._gives_way and self._current is None and self.ledger.turn is not None

    def accept(self, prompt: Prompt) -> Receipt:
        self._kept.check_accepts(self._settings.max_queued_prompts)
        turn_id = self.ledger.reserve_turn()
        self._kept.accept(prompt, turn_id, self._context.clock.now_ms())
        return Receipt(turn_id, self.log.last)

    def take(self) -> QueuedPrompt:
        """The prompt that has waited longest. The agent does not get it: see :meth:`take_up`."""
        return self._kept.take()

    def take_up(self) -> QueuedPrompt:
        """The prompt that has waited longest, for the agent: its turn runs from now on."""
        self._current = current = self.take()
        return current

    def cancel(self, turn_id: str) -> None:
        if not self._kept.cancel(turn_id):
            raise prompt_not_queued(turn_id, self._why_not_queued(turn_id))

    def _why_not_queued(self, turn_id: str) -> str:
        if turn_id == self.turn_id:
            return "it is running; interrupt it"
        if turn_id in self._row.cancelled:
            return "it was cancelled already"
        number = turn_id.removeprefix("turn_")
        known = number.isascii() and number.isdigit() and 0 < int(number) <= self.ledger.turns
        return "its turn has ended" if known else "there is no such turn"

    def close_cancelled(self) -> None:
        """A prompt that was cancelled gets its turn in the log as soon as no other is open: turns do not overlap."""
        if not self.in_flight:
            for queued in self._kept.take_cancelled():
                self.abandon(queued)

    def turn_started(self, effect: TurnStarted) -> None:
        own = self._current is None and self.ledger.turn is None
        self.recorder.draft(evolve(effect, metadata=OWN_TURN) if own and effect.metadata is None else effect)
        self._gives_way = effect.gives_way

    def turn_ended(self, effect: TurnEnded) -> None:
        turn = self.ledger.turn
        self.recorder.draft(evolve(effect, outcome=self._judged(effect.outcome)))
        if self._current is not None and self._current.turn_id == turn:
            self._current = None
            # Another turn may open before this is kept: a later life must not take this one for one that never was.
            self._kept.current_ended()

    def close_turn(self, outcome: TurnOutcome, cause: str, reason: ErrorData | None = None) -> None:
        """Because the agent cannot any more. ``cause`` is told with every ask that is rejected with it; ``reason`` is
        why the turn failed when no error in it says so."""
        for approval_id in self.approvals:
            self.reject(approval_id, cause)
        self.recorder.end_turn(self._judged(outcome), reason)
        self._current = None

    def time_out(self) -> None:
        """The running turn takes too long: it has failed, and that is told. So it stays, also when the agent completes
        it before it obeys: a turn has one outcome."""
        self._timed_out = self.turn_id

    def _judged(self, outcome: TurnOutcome) -> TurnOutcome:
        late = self._timed_out is not None and self._timed_out == self.turn_id
        return "failed" if late else outcome

    def abandon(
        self, queued: QueuedPrompt, outcome: TurnOutcome = "interrupted", reason: ErrorData | None = None
    ) -> None:
        """Nobody wants this prompt to run any more, or nobody can: it gets its turn all the same."""
        self.open_turn(queued)
        self.recorder.end_turn(outcome, reason)

    def open_turn(self, queued: QueuedPrompt) -> None:
        """Of a prompt that was accepted and cannot be run: it still gets its turn in the log, and in that the error
        that says why. :meth:`close_turn` must follow."""
        self.begin()
        self.ledger.assign_turn(queued.turn_id)
        self.recorder.draft(TurnStarted())
        content = (TextPart(queued.prompt.text),)
        self.recorder.draft(ItemCompleted(f"user_{queued.prompt.number}", "message", "user", content, synthetic=True))

    # Asks.

    def ask(self, asking: RequestPermission | RequestQuestion, session: Mailbox) -> ApprovalData | None:
        """A dialect gives every ask an id of its own. None for one that does not: what was shown would be
        replaced."""
        data = asking.data() if isinstance(asking, RequestPermission) else asking.data
        ask = evolve(data, input_digest=self._digests.of(data))
        if approval_id_of(ask) in self.approvals:
            self.error("ask_repeated", f"the agent asked {approval_id_of(ask)} again; the first one stands")
            return None
        shown = masked_approval(self.recorder.redactor, self._context.codec, ask)
        self.approvals.add(shown, len(asking.raw) if asking.raw is not None else len(self._context.codec.encode(shown)))
        self.recorder.note(requested(ask), shown, synthetic=False, raw=asking.raw)
        timeout = Timeouts.of(self.request.timeouts, self._settings).ask_seconds
        at_ms = self._context.clock.now_ms()
        asked = ApprovalRequested(self.session_id, session, ask, at_ms, timeout, shown)
        self._for_broker.append(ToGrant(asked, asking) if isinstance(asking, RequestPermission) else asked)
        return ask

    def refused(self, effect: PermissionRefused) -> None:
        """Nobody is asked; that it was is told all the same."""
        ask = effect.data()
        self.recorder.note(requested(ask), ask, synthetic=False)
        by = DecidedBy("daemon", reason=effect.reason)
        self.resolve(ask, Decision(ask.permission_id, reply="reject", cause=effect.reason, by=by))

    def resolve(self, ask: ApprovalData, decision: Decision) -> None:
        type_, data = resolved(ask, decision)
        self.recorder.note(type_, data)

    def reject(self, approval_id: str, cause: str, by: DecidedBy | None = None) -> None:
        if (ask := self.approvals.take(approval_id)) is not None:
            self.resolve(ask, Decision(approval_id, reply="reject", cause=cause, by=by or because_of(cause)))
            self._for_broker.append(Withdrawn(self.session_id, approval_id))

    def take_for_broker(self) -> Sequence[ForBroker]:
        """What the permission broker is to be told before the events are visible."""
        told, self._for_broker = self._for_broker, []
        return told

    def rule_revoked(self, rule: PermissionRule, by: DecidedBy) -> None:
        who = f"token {by.token}" if by.token is not None else by.kind
        detail = f"always: {rule.always} (taken back by {who}{f' over {by.transport}' if by.transport else ''})"
        self.status(f"{rule.rule_id}_revoked", "permission.rule_revoked", detail)

    # The agent.

    def named(self, native_session_id: str, *, resumable: bool) -> None:
        """From here on events carry the agent's own id of the conversation. One that is too long is not taken: it would
        be in every event, and the conversation cannot be resumed."""
        if (length := len(native_session_id)) > MAX_NATIVE_ID:
            what = f"the id of the conversation has {length} characters; at most {MAX_NATIVE_ID} are taken"
            self.recorder.draft(
                Unparsed(what, "session id", native_session_id[:MAX_NATIVE_ID].encode(errors="replace"))
            )
            return
        self.recorder.name(native_session_id)
        self._kept.named(native_session_id, resumable=resumable)

    def agent_restarted(self) -> None:
        """It was started after it had ended unexpectedly."""
        self._kept.agent_restarted()

    def background(self, tasks: Sequence[BackgroundTask], why: str = "nothing is left of it") -> None:
        """What the agent goes on with beside its turns: told when that begins, and when it is over."""
        if bool(tasks) != self._row.background:
            label = "background.started" if tasks else "background.ended"
            detail = "; ".join(task.description or task.kind for task in tasks) or why
            self.status(f"background_{self.ledger.items}", label, detail)
            self._kept.background(working=bool(tasks))

    # What the daemon has to tell, and the end.

    def error(self, code: str, message: str, **details: object) -> None:
        known = {name: value for name, value in details.items() if value not in (None, "")}
        self.recorder.draft(Errored(ErrorData(message, code, known or None), synthetic=True))
        # Numbers only: words may be the agent's, and those are for who may read the session.
        figures = {name: value for name, value in known.items() if isinstance(value, int | float)}
        _log.warning("session error", session_id=self.session_id, code=code, **figures)

    def status(self, native_id: str, label: str, detail: str) -> None:
        """Something that happened to the agent and is no failure."""
        part = StatusPart(label, detail)
        self.recorder.draft(ItemCompleted(native_id, "status", "system", (part,), synthetic=True))

    def ended_by_agent(self, effect: SessionEnded) -> None:
        """The agent says that the conversation is over."""
        self.close_all("completed" if effect.reason == "completed" else "failed", effect.message)
        self.recorder.draft(effect)
        self._end(failed=False, exit_code=0, message=effect.message)

    def end(self, data: SessionEndedData, *, failed: bool = False) -> None:
        self.close_all("interrupted" if data.reason == "terminated" else "failed", data.message)
        self.recorder.note("session.ended", data)
        self._end(failed=failed, exit_code=data.exit_code, message=data.message)

    def _end(self, *, failed: bool, exit_code: int | None, message: str | None) -> None:
        kept = shortened(self.recorder.redactor.text(message), MAX_END_MESSAGE) if message is not None else None
        self._kept.end(failed=failed, exit_code=exit_code, message=kept)

    def close_all(self, outcome: TurnOutcome, message: str | None) -> None:
        """What must be closed before the session is; a prompt that waited gets its turn, which nobody ran. It has
        failed, unless a client wanted the turn or the session to end. ``message`` is why the session ends."""
        reason = ErrorData(message or "the session ended", "session_ended")
        self.close_turn(outcome, "session ended", reason)
        while self._row.queue:
            queued = self.take()
            unwanted = outcome == "interrupted" or queued.turn_id in self._row.cancelled
            self.abandon(queued, "interrupted" if unwanted else "failed", reason)
        self._kept.queue_emptied()

    async def close_failed(self, error: BaseException) -> SessionRow:
        """Instead of the session, which kept crashing: close its log. Returns the row as it ended."""
        await self.restore()
        self.end(SessionEndedData("error", "daemon", f"the session failed: {type(error).__name__}"), failed=True)
        await self.write()
        return self._row

    # Keeping it.

    def answered(self, key: CommandKey, answer: object) -> None:
        """Kept in the same entry as what the command did, so that a repeat finds both or neither."""
        self._answers.append(keep_result(self._context.codec, key, answer))

    def update(self) -> SessionRow:
        """The row as it is now: the same one as long as nothing of it changes, as with most of what an agent says."""
        self._kept.check_restored()
        self._kept.count(self.ledger.turns, self.approvals.open())
        if self.ledger.at_rest:
            self._kept.settle(self.recorder.sequence, self.ledger.items, self.ledger.last_turn)
        return self._row

    async def write(self) -> None:
        """Make all that was gathered durable, then visible. Nothing happens when there is nothing."""
        self._kept.check_restored()
        await self.recorder.mask_large()
        row = self.update()
        entry = Entry(
            row.session_id,
            self._kept.unwritten(),
            self.recorder.take(),
            tuple(self._answers),
        )
        if entry.row is not None or entry.events or entry.answers:
            self._answers.clear()
            before = self._kept.written()
            try:
                await self._context.journal.write(entry)
            except Problem:  # it had no events, and is as if it had never been asked for
                self._kept.restore(before)
                raise
            self._context.counters.recorded(row.request.agent, row.request.model, entry.events)
