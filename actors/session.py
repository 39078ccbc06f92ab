"""The session: one conversation with one agent, and the owner of its process.

It feeds what the agent says to the dialect, carries out the effects, and keeps the promises that clients rely on: turns
run one at a time in the order of the prompts, every turn and item and ask that was opened is closed, and an agent that
died is started again, with its conversation resumed, when the next prompt comes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import trio
from attrs import evolve

from ..schema.agents.dialect import Effects, ExitStatus
from ..schema.agents.effects import (
    AskPermission,
    AskQuestion,
    EndProcess,
    NativeSessionNamed,
    Ready,
    SessionEnded,
    ToAgent,
    TurnEnded,
    TurnOutcome,
    WithdrawAsk,
)
from ..schema.events import PermissionEventData, SessionEndedData
from ..schema.problems import Problem, agent_process_exited
from ..schema.sessions import InterruptResponse, SessionStatus
from .actor import Actor
from .agent_process import OutboxFull, SpawnFailed
from .http_port import PortJammed
from .installer import Installing, NotInstalled
from .intensity import Intensity
from .journal import CommandKey, JournalUnavailable, SessionRow
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
from .permissions import Decide, Decision, Forget
from .record import Record
from .services import Services
from .session_card import Card, Changed
from .session_messages import Interrupt, Open, Send, Terminate

LINES_PER_SLICE = 64
"""Lines that are handled before the event loop gets its turn: about 1 ms of work."""


class Session(Actor):
    def __init__(self, mailbox: Mailbox, services: Services, row: SessionRow, log: Log) -> None:
        super().__init__(mailbox)
        settings = services.settings
        self._services = services
        self._settings = settings
        self._record = Record(services, row, log)
        self._scribe = self._record.scribe
        self._ledger = self._record.ledger
        self._asks = self._record.asks
        self._exits = Intensity(settings.agent_restarts - 1, settings.restart_period)
        self._link: AgentLink | None = None
        self._for_agent: list[ToAgent] = []
        self._retiring = False
        self._opened = False
        self._relaunched: str | None = None
        self._interrupting = False
        self._published: Card | None = None

    def __repr__(self) -> str:
        return (
            f"<Session {self._row.session_id} {self._status} turn={self._ledger.turn} queued={len(self._row.queue)}"
            f" {self._asks!r} {self._link!r}>"
        )

    @property
    def _row(self) -> SessionRow:
        return self._record.row

    async def started(self) -> None:
        """A session that has lived before closes what its former life, or its process, left open."""
        await self._record.restore()
        self._opened = self._record.recover()
        await self._settle()

    async def finished(self) -> None:
        try:
            await self._end_agent()
        finally:
            # After a crash the next life closes the turn: what is gathered here may be half of something.
            if not self.crashed and not self._row.ended:
                self._record.close_turn("interrupted", "shutdown")
                with suppress(JournalUnavailable):
                    await self._record.write()

    async def handle(self, envelope: Envelope) -> None:
        answer: object = None
        key: CommandKey | None = None
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
            case Decide(decision, key):
                answer = self._decide(decision)
                key = key if answer else None
            case Installing() as installing:
                self._record.begin()
                self._scribe.draft(installing.item(f"install_{self._record.log.last}"))
            case NotInstalled(reason):
                self._record.begin()
                self._record.error("install_failed", reason)
                self._fail(SessionEndedData("error", "daemon", reason))
            case Open():
                answer = await self._open()
            case Send(prompt, key):
                answer = self._record.accept(prompt)
            case Interrupt(key):
                answer = self._interrupt()
            case Terminate(key):
                await self._terminate()
            case unknown:
                raise TypeError(f"Session got {unknown!r}")
        if key is not None:
            self._record.answered(key, answer)
        await self._settle()
        envelope.answer(answer)

    # What clients want.

    async def _open(self) -> str | None:
        try:
            link = await launch(self._services, self._row, self.mailbox)
        except SpawnFailed as error:
            raise agent_process_exited(self._row.request.agent, None, str(error)) from error
        self._opened = True
        self._record.begin()
        self._connect(link)
        return self._row.native_session_id

    def _interrupt(self) -> InterruptResponse:
        if self._record.in_flight and self._link is not None:
            self._interrupting = True
            self._apply(self._link.dialect.interrupt())
            self.nursery.start_soon(self._watch_interrupt, self._link, self._ledger.turn)
            return InterruptResponse(True)
        if self._row.queue:  # its agent is still starting
            self._record.abandon(self._record.take(), "interrupted")
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
        self._record.resolve(ask, decision)
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
                    self._record.row = evolve(self._row, native_session_id=native_session_id, resume=resume)
                case EndProcess():
                    self._retiring = True
                case AskPermission(raw=raw):
                    self._record.ask(effect.data(), raw, self.mailbox)
                case AskQuestion(data, raw):
                    self._record.ask(data, raw, self.mailbox)
                case WithdrawAsk(ask_id):
                    self._record.reject(ask_id, "withdrawn")
                case TurnEnded():
                    self._record.turn_ended(effect)
                    self._interrupting = False
                case SessionEnded():
                    self._record.close_all("completed" if effect.reason == "completed" else "failed")
                    self._scribe.draft(effect)
                    self._record.row = evolve(self._row, ended=True, exit_code=0, end_message=effect.message)
                    self.stop()
                    return
                case _:
                    if isinstance(effect, ToAgent):
                        self._for_agent.append(effect)
                    else:
                        self._scribe.draft(effect)

    async def _exited(self, link: AgentLink, status: ExitStatus) -> None:
        in_flight = self._record.in_flight
        self._apply(link.dialect.exited(status))
        expected = self._retiring or (link.ready and not in_flight and status.code == 0)
        await self._end_agent()
        if self._row.ended or expected:
            return
        agent = self._row.request.agent
        stderr = link.process.terminal.output()
        message = f"{agent} exited with {status}"
        self._record.error(
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
            case "idle" if self._record.in_flight and not self._asks:
                seconds = self._settings.idle_timeout
                message = f"the agent was silent for {seconds:g} s in a turn"
            case "interrupt" if self._interrupting:
                seconds = self._settings.interrupt_timeout
                message = f"the agent did not stop its turn within {seconds:g} s and was ended"
            case _:
                return
        interrupting = self._interrupting
        await self._end_agent()
        self._record.error(f"{what}_timeout", message, seconds=seconds, stderr=link.process.terminal.text())
        self._close_turn("interrupted" if interrupting else "failed", f"{what} timeout")
        self._lost(link)
        if what == "start" and self._exits.occurred():
            self._fail(SessionEndedData("error", "daemon", message, None, link.process.terminal.output()))

    # How things end.

    async def _end_agent(self) -> None:
        """End the process and every descendant. An agent in mid-turn is not asked to finish the turn first."""
        if (link := self._link) is not None:
            await link.end(polite=not self._record.in_flight)
            self._link = None
        self._retiring = False

    def _lost(self, link: AgentLink) -> None:
        """The agent went away in mid-turn, or before it could take up the first prompt that waited for it."""
        self._close_turn("failed", "agent exited")
        if not link.ready and self._row.queue:
            self._record.abandon(self._record.take(), "failed")

    def _close_turn(self, outcome: TurnOutcome, cause: str) -> None:
        self._record.close_turn(outcome, cause)
        self._interrupting = False

    def _fail(self, data: SessionEndedData) -> None:
        self._end(data, failed=True)

    def _end(self, data: SessionEndedData, *, failed: bool = False) -> None:
        self._record.end(data, failed=failed)
        self._interrupting = False
        self.stop()

    # Keeping going.

    async def _settle(self) -> None:
        """After every message: make visible what happened, carry out what it asks for, and take up the next prompt."""
        while True:
            # Before the events are visible: who sees one and then asks must be told nothing older.
            await self._tell_broker()
            await self._publish()
            await self._record.write()
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
        told, self._record.for_broker = self._record.for_broker, []
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
            self._record.error("agent_deaf", f"the agent does not read what it is told: {error}")
            self._lost(link)
            await self._record.write()

    async def _advance(self) -> bool:
        """Take up the next prompt if its turn has come; True when there is something new to settle."""
        if not self._opened or not self._row.queue or self._record.in_flight:
            return False
        if self._link is None:
            await self._relaunch()
            return True
        if not self._link.ready:
            return False
        self._record.current = current = self._record.take()
        # Kept before the agent gets it: a prompt that crashes us is not given to the agent again.
        await self._publish()
        await self._record.write()
        self._link.heard_at = trio.current_time()
        self._ledger.assign_turn(current.turn_id)
        self._apply(self._link.dialect.prompt(current.prompt))
        if self._relaunched is not None:
            self._record.status(f"restart_{self._row.prompts}", "agent.restarted", self._relaunched)
            self._relaunched = None
        return True

    async def _relaunch(self) -> None:
        try:
            link = await launch(self._services, self._row, self.mailbox)
        except (SpawnFailed, Problem) as error:
            self._record.error("start_failed", f"{self._row.request.agent} could not be started again: {error}")
            self._record.abandon(self._record.take(), "failed")
            return
        resumed = self._row.resume is not None
        self._relaunched = "resumed its conversation" if resumed else "started afresh: it had kept no conversation"
        self._connect(link)

    def _connect(self, link: AgentLink) -> None:
        self._link = link
        self.nursery.start_soon(link.run)
        self._apply(link.dialect.begin())

    async def _publish(self) -> None:
        card = Card(self._record.update(), self._status)
        if card != self._published:
            self._published = card
            await self._services.registry.tell(Changed(card))

    @property
    def _status(self) -> SessionStatus:
        if self._row.ended:
            return "failed" if self._row.failed else "ended"
        if self._link is None:
            return "suspended" if self._opened else "starting"
        if not self._link.ready:
            return "starting"
        if self._record.in_flight:
            return "waiting" if self._asks else "running"
        return "idle"
