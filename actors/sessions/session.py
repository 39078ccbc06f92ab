"""The session: one conversation with one agent, and the owner of its process.

It feeds what the agent says to the dialect, carries out the effects, and keeps the promises that clients rely on: turns
run one at a time in the order of the prompts, every turn and item and ask that was opened is closed, and an agent that
died is started again, with its conversation resumed, when the next prompt comes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from ...schema.agents.dialect import Effects
from ...schema.agents.effects import (
    BackgroundChanged,
    ConversationOpened,
    EndProcess,
    ItemDelta,
    NativeSessionNamed,
    PermissionRefused,
    Ready,
    RequestPermission,
    RequestQuestion,
    SessionEnded,
    ToAgent,
    TurnEnded,
    TurnStarted,
    Unparsed,
    WithdrawApproval,
)
from ...schema.api.sessions import CreateSessionResponse, SessionStatus
from ...schema.approvals.approval_data import approval_id_of
from ...schema.approvals.decided_by import DecidedBy
from ...schema.events import PermissionEventData, SessionEndedData
from ..agents.http_client import HttpQueueFull
from ..agents.link import (
    AgentExited,
    AgentLinesReceived,
    AgentLink,
    AgentResponded,
    AgentStreamed,
    AgentStreamOpened,
    HookCalled,
    HookGone,
    LimitExceeded,
    TimedOut,
)
from ..agents.trace import Trace
from ..approvals.broker import Decide, Decision, Forget
from ..approvals.granting import ToGrant, find
from ..approvals.places import FileLocator
from ..installs.installer import Installing, NotInstalled
from ..journal.event_log import EventLog
from ..journal.interface import CommandKey, JournalUnavailable, SessionRow
from ..kernel.actor import Actor
from ..kernel.mailbox import Envelope, Mailbox
from ..processes.agent_process import OutboxFull, SpawnFailed
from ..processes.line_splitter import OversizedLine
from .agent import Agent, RestartDelayOver
from .commands import SessionCommands
from .context import SessionContext
from .launcher import left_out
from .messages import Execute, Open, RuleRevoked
from .open_approvals import secrets_in
from .snapshot import Changed, Snapshot
from .state import SessionState
from .unparsed_lines import UnparsedLines

LINES_PER_SLICE = 64
"""Lines that are handled before the event loop gets its turn: about 1 ms of work."""


class Session(Actor):
    def __init__(
        self, mailbox: Mailbox, context: SessionContext, row: SessionRow, log: EventLog, *, inherited: bool
    ) -> None:
        """``inherited``: whoever created it is gone and will not open it, if he had not yet."""
        super().__init__(mailbox)
        self._inherited = inherited
        self._context = context
        self._settings = context.settings
        self._state = SessionState(context, row, log)
        self._recorder = self._state.recorder
        self._ledger = self._state.ledger
        self._approvals = self._state.approvals
        self._agent = Agent(context, self._state, mailbox)
        self._commands = SessionCommands(self._state, self._agent, self._apply)
        self._lookout = FileLocator(row.directory, context.settings.path_patience)
        self._for_agent: list[ToAgent] = []
        self._unparsed = UnparsedLines(
            self._settings.unparsed_burst, self._settings.unparsed_per_second, trio.current_time()
        )
        self._published: Snapshot | None = None
        self._trace = Trace(enabled=context.trace)

    def __repr__(self) -> str:
        return (
            f"<Session {self._state.session_id} {self._status} turn={self._ledger.turn} queued={self._state.queued}"
            f" {self._approvals!r} {self._agent!r}>"
        )

    @property
    def _link(self) -> AgentLink | None:
        return self._agent.link

    async def started(self) -> None:
        """A session that has lived before closes what its former life, or its process, left open."""
        await self._state.restore()
        if not self._state.begun:
            self._state.note_left_out(await left_out(self._context, self._state))
        self._agent.opened = self._state.recover() or self._inherited
        if self._inherited:
            self._state.begin()
        self._context.failpoints.reach("session.restored")
        await self._settle()

    async def stopped(self) -> None:
        try:
            await self._agent.end()
        finally:
            # When nothing can be written the next life closes the turn: whoever ended us must not wait for that.
            if not self._state.ended and self._context.journal.writable:
                self._state.close_turn("interrupted", "shutdown")
                with suppress(JournalUnavailable):
                    await self._state.write()

    async def failed(self, error: BaseException) -> None:
        """The next life closes the turn: what is gathered here may be half of something, or nothing is restored yet."""
        await self._agent.end()

    async def handle(self, envelope: Envelope) -> None:
        if not isinstance(envelope.message, AgentLinesReceived | AgentStreamed):
            self._tell_unparsed()
        answer: object = None
        key: CommandKey | None = None
        match envelope.message:
            case AgentLinesReceived(link, lines):
                if link is self._link:
                    await self._hear(lines, link.dialect.receive)
                    link.watchdogs.heard()
            case AgentStreamed(link, payloads):
                if link is self._link and await self._hear(payloads, link.http.streamed):
                    link.watchdogs.heard()
            case (AgentStreamOpened(link) | AgentResponded(link) | HookCalled(link) | HookGone(link)) as heard:
                if link is self._link:
                    self._trace.heard(heard, self._recorder.redactor)
                    self._apply(heard.effects())
            case AgentExited(link, status):
                if link is self._link:
                    self._apply(link.dialect.exited(status), withdrawn="agent exited")
                    await self._agent.exited(link, status, self.nursery)
            case TimedOut(link):
                if link is self._link:
                    self._apply(await self._agent.overdue(link, self.nursery))
            case LimitExceeded(link, hit):
                if link is self._link:
                    await self._agent.over_limit(link, hit, self.nursery)
            case RestartDelayOver():
                pass  # what waited for it is taken up below
            case Decide(decision, key):
                await self._agent.learn(secrets_in(self._approvals.get(decision.approval_id), decision.answers))
                answer = self._decide(decision)
                key = key if answer else None
            case Installing() as installing:
                self._state.begin()
                self._recorder.draft(installing.item(f"install_{self._state.log.last}"))
            case NotInstalled(reason):
                self._state.begin()
                self._state.error("install_failed", reason)
                self._state.end(SessionEndedData("error", "daemon", reason), failed=True)
            case Open():
                await self._open()
                await self._settle()
                self.later(envelope, self._opened)
                return
            case Execute(key=key) as asked:
                answer = await self._commands.execute(asked)
            case RuleRevoked(rule, by):
                self._state.rule_revoked(rule, by)
            case unknown:
                raise TypeError(f"Session got {unknown!r}")
        if key is not None:
            self._state.answered(key, answer)
        await self._settle()
        envelope.answer(answer)
        if isinstance(envelope.message, AgentLinesReceived | AgentStreamed):
            envelope.message.link.kept()

    # What clients want.

    async def _open(self) -> None:
        try:
            effects = await self._agent.start(self.nursery)
        except SpawnFailed as error:
            raise error.problem(self._state.request.agent) from error
        self._state.begin()
        self._apply(effects)

    async def _opened(self) -> CreateSessionResponse:
        failure = await self._agent.first_start.failure()
        return CreateSessionResponse(failure is None, failure, self._state.native_session_id)

    def _decide(self, decision: Decision) -> bool:
        """False when the agent no longer waits for this decision."""
        if self._link is None or (ask := self._approvals.take(decision.approval_id)) is None:
            return False
        self._state.resolve(ask, decision)
        if isinstance(ask, PermissionEventData):
            self._apply(self._link.dialect.answer_permission(decision.approval_id, decision.reply or "reject"))
        else:
            secret = any(secrets_in(ask, decision.answers))
            self._apply(self._link.dialect.answer_question(decision.approval_id, decision.answers), secret=secret)
        return True

    # What the agent does.

    async def _hear(self, lines: Sequence[bytes | OversizedLine], receive: Callable[[bytes], Effects]) -> bool:
        """Whether anything was said that matters; a heartbeat does not."""
        heard = False
        for count, line in enumerate(lines, 1):
            # An agent that has said its last word is not heard any more.
            if self._link is None or self._state.ended:
                break
            self._trace.said(line, self._recorder.redactor)
            if isinstance(line, OversizedLine):
                effects: Effects = [line.unparsed(self._settings.max_line_bytes)]
            else:
                effects = receive(line)
            heard = heard or bool(effects)
            self._apply(effects)
            if count % LINES_PER_SLICE == 0:
                await trio.lowlevel.checkpoint()
        return heard

    def _apply(self, effects: Effects, withdrawn: str = "withdrawn", *, secret: bool = False) -> None:
        """``withdrawn`` is why asks are that the agent no longer waits for. ``secret`` effects are not logged."""
        self._trace.made(effects, self._recorder.redactor, secret=secret)
        for effect in effects:
            match effect:
                case ItemDelta():  # nearly all are
                    self._recorder.draft(effect)
                case Ready() if self._link is not None:
                    self._link.ready = True
                    self._agent.first_start.became_ready()
                case Ready():
                    pass
                case NativeSessionNamed(native_session_id, resumable):
                    self._state.named(native_session_id, resumable=resumable)
                case ConversationOpened(resumed):
                    self._agent.conversation_opened(resumed=resumed)
                case EndProcess():
                    self._agent.retiring = True
                case RequestPermission() | RequestQuestion():
                    self._ask(effect)
                case PermissionRefused():
                    self._state.refused(effect)
                case WithdrawApproval(approval_id):
                    self._state.reject(approval_id, withdrawn)
                case Unparsed():
                    if (told := self._unparsed.add(effect, trio.current_time())) is not None:
                        self._recorder.draft(told)
                case BackgroundChanged(tasks):
                    self._agent.background_changed(tasks)
                case TurnStarted():
                    self._state.turn_started(effect)
                case TurnEnded():
                    self._tell_unparsed()
                    self._agent.tell_restarted(turn_ends=True)
                    self._state.turn_ended(effect)
                case SessionEnded():
                    self._tell_unparsed()
                    self._state.ended_by_agent(effect)
                    return
                case _:
                    if isinstance(effect, ToAgent):
                        self._for_agent.append(effect)
                    else:
                        self._recorder.draft(effect)

    def _tell_unparsed(self) -> None:
        if (told := self._unparsed.rest()) is not None:
            self._recorder.draft(told)

    def _ask(self, asking: RequestPermission | RequestQuestion) -> None:
        """An agent that asks without end is told no at once: nobody could read it all."""
        if (ask := self._state.ask(asking, self.mailbox)) is None:
            return
        if (cause := self._approvals.beyond(self._settings)) is not None and self._link is not None:
            self._state.reject(approval_id_of(ask), cause, DecidedBy("daemon", reason=cause))
            if isinstance(ask, PermissionEventData):
                self._apply(self._link.dialect.answer_permission(ask.permission_id, "reject"))
            else:
                self._apply(self._link.dialect.answer_question(ask.question_id, None))

    # Keeping going.

    async def _settle(self) -> None:
        """After every message: make visible what happened, carry out what it asks for, and take up the next prompt."""
        while True:
            self._state.close_cancelled()
            # Before the events are visible: who sees one and then asks must be told nothing older.
            await self._tell_broker()
            await self._publish()
            await self._state.write()
            await self._write()
            if await self._end_overfull():
                continue
            if self._state.ended:
                await self._agent.end()
                await self._context.broker.tell(Forget(self._state.session_id))
                self.stop()
                break
            if self._agent.retiring:
                # Before the next prompt is taken up: this process would not read it.
                await self._agent.end()
            elif not await self._advance():
                break
        self._agent.follow()

    async def _tell_broker(self) -> None:
        for message in self._state.take_for_broker():
            if isinstance(message, ToGrant):
                found = await find(message, self._lookout)
                if found.accepted:
                    self._decide(Decision(approval_id_of(found.asked.ask), "once", cause="mode", by=DecidedBy("mode")))
                    continue
                message = found.asked
            await self._context.broker.tell(message)
            self._context.failpoints.reach("broker.told")

    async def _write(self) -> None:
        told, self._for_agent = self._for_agent, []
        if (link := self._link) is None:
            return
        try:
            for effect in told:
                link.carry_out(effect)
                self._context.failpoints.reach("agent.told")
        except (OutboxFull, HttpQueueFull) as error:
            await self._agent.deaf(error)
            await self._state.write()

    async def _end_overfull(self) -> bool:
        """Whether the turn was more than may be kept, and is ended: nothing of it may go while it runs."""
        overfull = self._context.journal.overfull(self._state.session_id)
        if overfull is None or self._link is None or self._state.ended:
            return False
        await self._agent.overfull(self._link, overfull, self.nursery)
        return True

    async def _advance(self) -> bool:
        """Take up the next prompt if its turn has come; True when there is something new to settle."""
        if not self._agent.opened or not self._state.queued:
            return False
        if self._state.in_flight and not self._agent.gives_way:
            return False
        if self._link is None:
            if (effects := await self._agent.start_again(self.nursery)) is None:
                return False
            self._apply(effects)
            return True
        if not self._link.ready:
            return False
        if self._agent.gives_way:
            self._apply((TurnEnded(),))
        current = self._state.take_up()
        # Kept before the agent gets it: a prompt that crashes us is not given to the agent again.
        await self._publish()
        await self._state.write()
        self._context.failpoints.reach("turn.taken")
        self._ledger.assign_turn(current.turn_id)
        self._apply(self._link.dialect.prompt(current.prompt))
        self._agent.tell_restarted()
        return True

    async def _publish(self) -> None:
        snapshot = Snapshot(self._state.update(), self._status, self._agent.background)
        if snapshot != self._published:
            self._published = snapshot
            await self._context.registry.tell(Changed(snapshot))

    @property
    def _status(self) -> SessionStatus:
        if self._state.ended:
            return "failed" if self._state.failed else "ended"
        return self._agent.status
