"""The session: one conversation with one agent, and the owner of its process.

It feeds what the agent says to the dialect, carries out the effects, and keeps the promises that clients rely on: turns
run one at a time in the order of the prompts, every turn and item and ask that was opened is closed, and an agent that
died is started again, with its conversation resumed, when the next prompt comes.
"""

from collections.abc import Callable, Sequence

import trio
from attrs import evolve

from ..schema.agents.dialect import Effects, ExitStatus, Prompt
from ..schema.agents.effects import (
    AskPermission,
    AskQuestion,
    EndProcess,
    Errored,
    ItemCompleted,
    NativeSessionNamed,
    Ready,
    SessionEnded,
    ToAgent,
    TurnEnded,
    TurnOutcome,
    TurnStarted,
    WithdrawAsk,
)
from ..schema.events import ErrorData, PermissionEventData, SessionEndedData
from ..schema.items import StatusPart, TextPart
from ..schema.problems import Problem, agent_process_exited, queue_full
from ..schema.sessions import InterruptResponse, SessionStatus
from .actor import Actor
from .agent_process import OutboxFull, SpawnFailed
from .asks import Asks, requested, resolved
from .burial import ended_problem
from .http_port import PortJammed
from .installer import Installing, NotInstalled
from .intensity import Intensity
from .journal import QueuedPrompt, SessionRow
from .launcher import launch
from .lines import OversizedLine
from .link import (
    AgentExited,
    AgentLink,
    AgentResponded,
    AgentSpoke,
    AgentStreamed,
    AgentStreamOpened,
    HookAsked,
    HookGone,
    Overdue,
)
from .log import Log
from .mailbox import Envelope, Mailbox
from .permissions import AskData, Asked, Decide, Decision, Forget, Withdrawn
from .scribe import Scribe
from .services import Services
from .session_card import Card, Changed, started
from .session_messages import Interrupt, Open, Receipt, Send, Terminate

LINES_PER_SLICE = 64
"""Lines that are handled before the event loop gets its turn: about 1 ms of work."""


class Session(Actor):
    def __init__(self, mailbox: Mailbox, services: Services, row: SessionRow, log: Log) -> None:
        super().__init__(mailbox)
        settings = services.settings
        self._services = services
        self._settings = settings
        self._row = row
        self._log = log
        self._scribe = Scribe(row, log, services.journal, services.codec, services.clock)
        self._ledger = self._scribe.ledger
        self._asks = Asks()
        self._exits = Intensity(settings.agent_restarts - 1, settings.restart_period)
        # The prompt that the agent has and whose turn has not ended; the row's ``current`` outlives its turn.
        self._current: QueuedPrompt | None = None
        self._link: AgentLink | None = None
        self._for_broker: list[Asked | Withdrawn | Forget] = []
        self._for_agent: list[ToAgent] = []
        self._retiring = False
        self._begun = False
        self._opened = False
        self._relaunched: str | None = None
        self._interrupting = False
        self._published: Card | None = None

    def __repr__(self) -> str:
        return (
            f"<Session {self._row.session_id} {self._status} turn={self._ledger.turn} queued={len(self._row.queue)}"
            f" {self._asks!r} {self._link!r}>"
        )

    async def started(self) -> None:
        """A session that has lived before closes what its former life, or its process, left open."""
        left_open = await self._scribe.restore()
        self._ledger.resume_turns(self._row.turns)
        self._begun = self._opened = self._log.last > 0
        for ask in left_open:
            self._asks.add(ask)
        if self._asks or self._ledger.turn:
            self._error("session_restarted", "the session was restarted; its turn cannot go on")
        self._close_turn("failed", "restart")
        if self._row.current is not None and self._row.current.turn_id != self._ledger.last_turn:
            self._abandon(self._row.current, "failed")
        # Also what the broker was told and the log was not.
        self._for_broker = [Forget(self._row.session_id, rules=False)]
        await self._settle()

    async def finished(self) -> None:
        try:
            await self._end_agent()
        finally:
            # After a crash the next life closes the turn: what is gathered here may be half of something.
            if not self.crashed and not self._row.ended:
                self._close_turn("interrupted", "shutdown")
                await self._scribe.flush()

    async def handle(self, envelope: Envelope) -> None:
        answer: object = None
        match envelope.message:
            case AgentSpoke(link, lines):
                if link is self._link:
                    await self._hear(lines, link.dialect.receive)
                link.handled()
            case AgentStreamed(link, payloads):
                link.handled(heard=link is self._link and await self._hear(payloads, link.http.streamed))
            case (AgentStreamOpened(link) | AgentResponded(link) | HookAsked(link) | HookGone(link)) as heard:
                if link is self._link:
                    self._apply(heard.effects())
            case AgentExited(link, status):
                if link is self._link:
                    await self._exited(link, status)
            case Overdue(link, what):
                if link is self._link:
                    await self._overdue(link, what)
            case Decide(decision):
                answer = self._decide(decision)
            case Installing() as installing:
                self._begin()
                self._scribe.draft(installing.item(f"install_{self._log.last}"))
            case NotInstalled(reason):
                self._begin()
                self._error("install_failed", reason)
                self._fail(SessionEndedData("error", "daemon", reason))
            case Open():
                answer = await self._open()
            case Send(prompt):
                answer = self._accept(prompt)
            case Interrupt():
                answer = self._interrupt()
            case Terminate():
                await self._terminate()
            case unknown:
                raise TypeError(f"Session got {unknown!r}")
        await self._settle()
        envelope.answer(answer)

    # What clients want.

    async def _open(self) -> str | None:
        try:
            link = await launch(self._services, self._row, self.mailbox)
        except SpawnFailed as error:
            raise agent_process_exited(self._row.request.agent, None, str(error)) from error
        self._opened = True
        self._begin()
        self._connect(link)
        return self._row.native_session_id

    def _begin(self) -> None:
        """Once, before anything else is told: a session may have to wait until its agent is installed."""
        if not self._begun:
            self._begun = True
            self._scribe.note("session.started", started(self._row))

    def _accept(self, prompt: Prompt) -> Receipt:
        if self._row.ended:
            raise ended_problem(self._row)
        if len(self._row.queue) >= self._settings.max_queued_prompts:
            raise queue_full(self._row.session_id, self._settings.max_queued_prompts)
        number = self._row.prompts + 1
        queued = QueuedPrompt(evolve(prompt, number=number), self._ledger.reserve_turn())
        self._row = evolve(self._row, prompts=number, queue=(*self._row.queue, queued))
        return Receipt(queued.turn_id, self._log.last)

    def _take(self) -> QueuedPrompt:
        """The prompt that has waited longest."""
        queued, *rest = self._row.queue
        self._row = evolve(self._row, queue=tuple(rest), current=queued)
        return queued

    def _interrupt(self) -> InterruptResponse:
        if self._in_flight and self._link is not None:
            self._interrupting = True
            self._apply(self._link.dialect.interrupt())
            self.nursery.start_soon(self._watch_interrupt, self._link, self._ledger.turn)
            return InterruptResponse(True)
        if self._row.queue:  # its agent is still starting
            self._abandon(self._take(), "interrupted")
            return InterruptResponse(True)
        return InterruptResponse(False)

    async def _watch_interrupt(self, link: AgentLink, turn: str | None) -> None:
        await trio.sleep(self._settings.interrupt_timeout)
        if self._interrupting and turn == self._ledger.turn:
            await self.mailbox.tell(Overdue(link, "interrupt"))

    async def _terminate(self) -> None:
        if not self._row.ended:
            await self._end_agent()
            self._end(SessionEndedData("terminated", "daemon"))

    def _decide(self, decision: Decision) -> bool:
        """False when the agent no longer waits for this decision."""
        ask = self._asks.take(decision.ask_id)
        if ask is None or self._link is None:
            return False
        self._resolve(ask, decision)
        if isinstance(ask, PermissionEventData):
            self._apply(self._link.dialect.answer_permission(decision.ask_id, decision.reply or "reject"))
        else:
            self._apply(self._link.dialect.answer_question(decision.ask_id, decision.answers))
        return True

    # What the agent does.

    async def _hear(self, lines: Sequence[bytes | OversizedLine], receive: Callable[[bytes], Effects]) -> bool:
        """Whether anything was said that matters; a heartbeat does not."""
        heard = False
        for count, line in enumerate(lines, 1):
            # An agent that has said its last word is not heard any more.
            if self._link is None or self._row.ended:
                break
            if isinstance(line, OversizedLine):
                effects: Effects = [line.unparsed(self._settings.max_line_bytes)]
            else:
                effects = receive(line)
            heard = heard or bool(effects)
            self._apply(effects)
            if count % LINES_PER_SLICE == 0:
                await trio.lowlevel.checkpoint()
        return heard

    def _apply(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Ready() if self._link is not None:
                    self._link.ready = True
                case Ready():
                    pass
                case NativeSessionNamed(native_session_id, resumable):
                    self._scribe.name(native_session_id)
                    resume = native_session_id if resumable else None
                    self._row = evolve(self._row, native_session_id=native_session_id, resume=resume)
                case EndProcess():
                    self._retiring = True
                case AskPermission(raw=raw):
                    self._ask(effect.data(), raw)
                case AskQuestion(data, raw):
                    self._ask(data, raw)
                case WithdrawAsk(ask_id):
                    self._reject(ask_id, "withdrawn")
                case TurnEnded():
                    self._turn_ended(effect)
                case SessionEnded():
                    self._close_all("completed" if effect.reason == "completed" else "failed")
                    self._scribe.draft(effect)
                    self._row = evolve(self._row, ended=True, exit_code=0, end_message=effect.message)
                    self.stop()
                    return
                case _:
                    if isinstance(effect, ToAgent):
                        self._for_agent.append(effect)
                    else:
                        self._scribe.draft(effect)

    def _ask(self, ask: AskData, raw: bytes | None) -> None:
        self._asks.add(ask)
        self._scribe.note(requested(ask), ask, synthetic=False, raw=raw)
        at_ms = self._services.clock.now_ms()
        self._for_broker.append(Asked(self._row.session_id, self.mailbox, ask, at_ms))

    def _turn_ended(self, effect: TurnEnded) -> None:
        turn = self._ledger.turn
        self._scribe.draft(effect)
        if self._current is not None and self._current.turn_id == turn:
            self._current = None
        self._interrupting = False

    async def _exited(self, link: AgentLink, status: ExitStatus) -> None:
        in_flight = self._in_flight
        self._apply(link.dialect.exited(status))
        expected = self._retiring or (link.ready and not in_flight and status.code == 0)
        await self._end_agent()
        if self._row.ended or expected:
            return
        agent = self._row.request.agent
        stderr = link.process.terminal.output()
        message = f"{agent} exited with {status}"
        self._error(
            "process_exit", message, exit_code=status.code, signal=status.signal, stderr=link.process.terminal.text()
        )
        self._lost(link)
        if self._exits.occurred():
            message += f", {self._settings.agent_restarts} times within {self._settings.restart_period:g} s"
            self._fail(SessionEndedData("error", "agent", message, status.code, stderr))

    async def _overdue(self, link: AgentLink, what: str) -> None:
        match what:
            case "start" if not link.ready:
                seconds = self._settings.start_timeout
                message = f"the agent was not ready after {seconds:g} s"
            case "idle" if self._in_flight and not self._asks:
                seconds = self._settings.idle_timeout
                message = f"the agent was silent for {seconds:g} s in a turn"
            case "interrupt" if self._interrupting:
                seconds = self._settings.interrupt_timeout
                message = f"the agent did not stop its turn within {seconds:g} s and was ended"
            case _:
                return
        interrupting = self._interrupting
        await self._end_agent()
        self._error(f"{what}_timeout", message, seconds=seconds, stderr=link.process.terminal.text())
        self._close_turn("interrupted" if interrupting else "failed", f"{what} timeout")
        self._lost(link)
        if what == "start" and self._exits.occurred():
            self._fail(SessionEndedData("error", "daemon", message, None, link.process.terminal.output()))

    # How things end.

    async def _end_agent(self) -> None:
        """End the process and every descendant. An agent in mid-turn is not asked to finish the turn first."""
        if (link := self._link) is not None:
            await link.end(polite=not self._in_flight)
            self._link = None
        self._retiring = False

    def _lost(self, link: AgentLink) -> None:
        """The agent went away in mid-turn, or before it could take up the first prompt that waited for it."""
        self._close_turn("failed", "agent exited")
        if not link.ready and self._row.queue:
            self._abandon(self._take(), "failed")

    def _close_turn(self, outcome: TurnOutcome, cause: str) -> None:
        self._reject_all(cause)
        self._scribe.end_turn(outcome)
        self._current = None
        self._interrupting = False

    def _abandon(self, queued: QueuedPrompt, outcome: TurnOutcome) -> None:
        """A prompt that was accepted and cannot be run still gets its turn in the log."""
        self._ledger.assign_turn(queued.turn_id)
        self._scribe.draft(TurnStarted())
        content = (TextPart(queued.prompt.text),)
        self._scribe.draft(ItemCompleted(f"user_{queued.prompt.number}", "message", "user", content, synthetic=True))
        self._scribe.end_turn(outcome)

    def _fail(self, data: SessionEndedData) -> None:
        self._row = evolve(self._row, failed=True)
        self._end(data)

    def _end(self, data: SessionEndedData) -> None:
        self._close_all("interrupted" if data.reason == "terminated" else "failed")
        self._scribe.note("session.ended", data)
        self._row = evolve(self._row, ended=True, exit_code=data.exit_code, end_message=data.message)
        self.stop()

    def _close_all(self, outcome: TurnOutcome) -> None:
        """What must be closed before the session is; a prompt that waited gets its turn, which nobody ran."""
        self._close_turn(outcome, "session ended")
        while self._row.queue:
            self._abandon(self._take(), "interrupted")

    def _error(self, code: str, message: str, **details: object) -> None:
        known = {name: value for name, value in details.items() if value not in (None, "")}
        self._scribe.draft(Errored(ErrorData(message, code, known or None), synthetic=True))

    def _resolve(self, ask: AskData, decision: Decision) -> None:
        type_, data = resolved(ask, decision)
        self._scribe.note(type_, data)

    def _reject(self, ask_id: str, cause: str) -> None:
        if (ask := self._asks.take(ask_id)) is not None:
            self._resolve(ask, Decision(ask_id, reply="reject", cause=cause))
            self._for_broker.append(Withdrawn(self._row.session_id, ask_id))

    def _reject_all(self, cause: str) -> None:
        for ask_id in self._asks:
            self._reject(ask_id, cause)

    # Keeping going.

    async def _settle(self) -> None:
        """After every message: make visible what happened, carry out what it asks for, and take up the next prompt."""
        while True:
            # Before the events are visible: who sees one and then asks must be told nothing older.
            await self._tell_broker()
            await self._publish()
            await self._scribe.flush()
            await self._write()
            if self._row.ended:
                await self._end_agent()
                await self._services.broker.tell(Forget(self._row.session_id))
                break
            if self._retiring:
                # Before the next prompt is taken up: this process would not read it.
                await self._end_agent()
            elif not await self._advance():
                break

    async def _tell_broker(self) -> None:
        told, self._for_broker = self._for_broker, []
        for message in told:
            await self._services.broker.tell(message)

    async def _write(self) -> None:
        told, self._for_agent = self._for_agent, []
        if (link := self._link) is None:
            return
        try:
            for effect in told:
                link.carry_out(effect)
        except (OutboxFull, PortJammed) as error:
            await self._end_agent()
            self._error("agent_deaf", f"the agent does not read what it is told: {error}")
            self._lost(link)
            await self._scribe.flush()

    async def _advance(self) -> bool:
        """Take up the next prompt if its turn has come; True when there is something new to settle."""
        if not self._opened or not self._row.queue or self._in_flight:
            return False
        if self._link is None:
            await self._relaunch()
            return True
        if not self._link.ready:
            return False
        self._current = self._take()
        # Kept before the agent gets it: a prompt that crashes us is not given to the agent again.
        await self._publish()
        self._link.heard_at = trio.current_time()
        self._ledger.assign_turn(self._current.turn_id)
        self._apply(self._link.dialect.prompt(self._current.prompt))
        if self._relaunched is not None:
            part = StatusPart("agent.restarted", self._relaunched)
            self._scribe.draft(
                ItemCompleted(f"restart_{self._row.prompts}", "status", "system", (part,), synthetic=True)
            )
            self._relaunched = None
        return True

    async def _relaunch(self) -> None:
        try:
            link = await launch(self._services, self._row, self.mailbox)
        except (SpawnFailed, Problem) as error:
            self._error("start_failed", f"{self._row.request.agent} could not be started again: {error}")
            self._abandon(self._take(), "failed")
            return
        resumed = self._row.resume is not None
        self._relaunched = "resumed its conversation" if resumed else "started afresh: it had kept no conversation"
        self._connect(link)

    def _connect(self, link: AgentLink) -> None:
        self._link = link
        self.nursery.start_soon(link.run)
        self._apply(link.dialect.begin())

    async def _publish(self) -> None:
        self._row = evolve(self._row, turns=self._ledger.turns)
        card = Card(self._row, self._status)
        if card != self._published:
            if self._published is None or self._published.row != self._row:
                await self._services.journal.update(self._row)
            self._published = card
            await self._services.registry.tell(Changed(card))

    @property
    def _in_flight(self) -> bool:
        return self._current is not None or self._ledger.turn is not None

    @property
    def _status(self) -> SessionStatus:
        if self._row.ended:
            return "failed" if self._row.failed else "ended"
        if self._link is None:
            return "suspended" if self._opened else "starting"
        if not self._link.ready:
            return "starting"
        if self._in_flight:
            return "waiting" if self._asks else "running"
        return "idle"
