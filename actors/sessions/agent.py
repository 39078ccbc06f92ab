"""The agent of a session, through all its processes: started when a prompt needs it, ended when nobody does.

A process may crash, hang, or be stopped because it was idle; the next prompt starts another one, which resumes the
conversation. After an unexpected end the next start waits a while, longer each time, and too many of them are the end
of the session. What happens is told to the record; nothing here knows a client.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import trio
from attrs import evolve, frozen

from ...schema.agents.dialect import Effects, ExitStatus
from ...schema.api.sessions import InterruptResponse, SessionStatus
from ...schema.background import BackgroundTask
from ...schema.events import SessionEndedData, TerminatedBy, TurnOutcome
from ...schema.problems import Problem
from ...schema.redaction.values import Secret, certain
from ..agents.link import AgentLink
from ..agents.watchdogs import Watched
from ..journal.interface import Overfull
from ..kernel.mailbox import Mailbox
from ..kernel.restart_intensity import RestartIntensity
from ..processes.agent_process import SpawnFailed
from ..processes.limits import Hit
from .context import SessionContext
from .first_start import FirstStart
from .launcher import launch
from .state import SessionState

_OVERDUE = {
    "start": "the agent was not ready after {:g} s",
    "idle": "the agent was silent for {:g} s in a turn",
    "turn": "the turn took longer than {:g} s and is interrupted",
    "interrupt": "the agent did not stop its turn within {:g} s and was ended",
}

Restarted = Literal["unknown", "resumed", "gone", "afresh"]

_RESTARTED: Mapping[Restarted, str] = MappingProxyType(
    {
        "unknown": "did not resume its conversation",
        "resumed": "resumed its conversation",
        "gone": "started afresh: its conversation is gone",
        "afresh": "started afresh: it had kept no conversation",
    }
)
"""What a new process did with the conversation. ``unknown`` until it has shown it."""


MOST_LEARNT = 100
"""Secrets of answers that are remembered of one session, the newest."""


@frozen
class RestartDelayOver:
    """To the session: the pause after an unexpected end is over."""


class Agent:
    """``opened`` is true once the first process was started, also by a former life of the session. ``retiring``: the
    process has done its part and is to be ended before the next prompt. ``background`` is what it goes on with beside
    its turns."""

    def __init__(self, context: SessionContext, state: SessionState, mailbox: Mailbox) -> None:
        settings = context.settings
        self.link: AgentLink | None = None
        self.opened = False
        self.retiring = False
        self.background: tuple[BackgroundTask, ...] = ()
        self.first_start = FirstStart(state.request, state.session_id, context.proven_starts, settings.create_wait)
        self._context = context
        self._settings = settings
        self._state = state
        self._mailbox = mailbox
        self._exits = RestartIntensity(
            settings.agent_restarts - 1, settings.restart_period, settings.restart_backoff, settings.restart_backoff_max
        )
        self._may_start = 0.0
        self._restarting = False
        self._restarted: Restarted | None = None
        self._conversation_gone = False
        self._learnt: tuple[Secret, ...] = ()

    def __repr__(self) -> str:
        state = repr(self.link) if self.link is not None else "suspended" if self.opened else "not started"
        return f"<Agent {self._state.request.agent} {state} exits={self._exits.recent}>"

    @property
    def ready(self) -> bool:
        return self.link is not None and self.link.ready

    @property
    def resumable(self) -> bool:
        """Nothing of the conversation is lost when the process ends now."""
        return self._state.resume is not None or self._state.prompts == 0

    @property
    def status(self) -> SessionStatus:
        """Of a session that has not ended."""
        if self.link is None:
            return "starting" if not self.opened or self._state.queued else "suspended"
        if not self.link.ready:
            return "starting"
        # A prompt that waits for a ready agent is taken up at once: between two turns nobody sees it idle.
        if self._state.approvals:
            return "waiting"
        return "running" if self._state.in_flight or self._state.waiting or self.background else "idle"

    @property
    def gives_way(self) -> bool:
        """The turn that is open is no reason for a prompt to wait. One that is being interrupted is."""
        return (
            self._state.gives_way and self.link is not None and self.link.watchdogs.interrupted != self._state.turn_id
        )

    def follow(self) -> None:
        """Let the clocks run that fit what the session is doing."""
        if self.link is not None:
            self.link.limits.follow(self._state.turn_id)
            self.link.watchdogs.follow(
                ready=self.link.ready,
                turn=self._state.turn_id,
                asking=bool(self._state.approvals),
                working=bool(self.background),
            )

    # Starting.

    async def start(self, nursery: trio.Nursery) -> Effects:
        """Start a process; returns the handshake's first words. Raises as :func:`launch` does."""
        self.link = link = await launch(self._context, self._state, self._mailbox, self._state.ledger.knows)
        self.opened = True
        await self._mask(link)
        self._context.counters.agent_starts[self._state.request.agent, self._restarting] += 1
        if self._restarting:
            self._restarting = False
            self._state.agent_restarted()
        nursery.start_soon(link.run)
        return link.dialect.begin()

    async def learn(self, texts: Iterable[str]) -> None:
        """What a human tells the agent in secret: it is masked in whatever is told from now on, also of a process that
        resumes the conversation. It is kept nowhere, so another life of the session knows nothing of it."""
        new = [secret for text in texts for secret in certain(text) if secret not in self._learnt]
        if new:
            self._learnt = (*self._learnt, *new)[-MOST_LEARNT:]
            if self.link is not None:
                await self._mask(self.link)

    async def _mask(self, link: AgentLink) -> None:
        redactor = link.redactor
        if self._learnt:
            try:
                redactor = await trio.to_thread.run_sync(redactor.also, self._learnt)
            except RuntimeError:  # no thread can be started: then it takes its time here
                redactor = redactor.also(self._learnt)
        link.mask_with(redactor)
        self._state.recorder.mask_with(redactor)

    async def start_again(self, nursery: trio.Nursery) -> Effects | None:
        """For the prompt that waits. None when it is too early: :class:`RestartDelayOver` comes when it is not."""
        if self._may_start > trio.current_time():
            return None
        resuming = self._state.resume is not None
        try:
            effects = await self.start(nursery)
        except (SpawnFailed, Problem) as error:
            agent = self._state.request.agent
            short = isinstance(error, SpawnFailed) and error.shortage is not None
            code = "resource_exhausted" if short else "start_failed"
            self._state.open_turn(self._state.take())
            self._state.error(code, f"{agent} could not be started again: {error}")
            self._state.close_turn("failed", "agent not started")
            return ()
        self._restarted = "unknown" if resuming else "gone" if self._conversation_gone else "afresh"
        self._conversation_gone = False
        return effects

    def conversation_opened(self, *, resumed: bool) -> None:
        """What became of the conversation that the process was to resume."""
        self._conversation_gone = not resumed
        if self._restarted is not None:
            self._restarted = "resumed" if resumed else "gone"
        if self._state.in_flight:
            self.tell_restarted()

    def tell_restarted(self, *, turn_ends: bool = False) -> None:
        """In the turn that it was started for, one a turn: prompts may wait while it dies again. Some agents show only
        with their first words whether they go on where they were; those that do not get so far have not resumed."""
        if self._restarted is not None and (turn_ends or self._restarted != "unknown"):
            self._state.status(f"restart_{self._state.turn_id}", "agent.restarted", _RESTARTED[self._restarted])
            self._restarted = None

    async def _rest(self, seconds: float) -> None:
        await trio.sleep(seconds)
        await self._mailbox.tell(RestartDelayOver())

    def background_changed(self, tasks: Sequence[BackgroundTask]) -> None:
        """What it goes on with beside its turns: told when that begins, and when nothing of it is left."""
        mask = self._state.recorder.redactor.text
        self.background = tuple(evolve(task, description=mask(task.description)) for task in tasks)
        self._state.background(self.background)

    # Ending.

    async def end(self) -> None:
        """End the process and every descendant. An agent in mid-turn is not asked to finish the turn first."""
        if (link := self.link) is not None:
            try:
                if doubt := await link.end(polite=not self._state.in_flight):
                    self._state.error("end_unverified", doubt)
            finally:
                self.link = None
                self.background = ()
                if not self._state.ended:
                    self._state.background((), "it ended with the agent's process")
        self.retiring = False

    async def exited(self, link: AgentLink, status: ExitStatus, nursery: trio.Nursery) -> None:
        """The process is gone, and its last words are in the record."""
        expected = self.retiring or (link.ready and not self._state.in_flight and status.code == 0)
        await self.end()
        if self._state.ended or expected:
            return
        message = f"{self._state.request.agent} exited with {status}"
        tail = link.process.terminal.text()
        details = {"exit_code": status.code, "signal": status.signal, "stderr": tail}
        self._lost(link, "process_exit", message, details)
        self._count(link, "agent", message, nursery, status)

    async def deaf(self, why: Exception) -> None:
        """It does not take what it is told."""
        if (link := self.link) is not None:
            await self.end()
            self._lost(link, "agent_deaf", f"the agent does not read what it is told: {why}", {})

    async def over_limit(self, link: AgentLink, hit: Hit, nursery: trio.Nursery) -> None:
        """It, or what it started, uses more than it may."""
        await self.end()
        tail = link.process.terminal.text()
        details = {"limit": hit.limit, "measured": hit.measured, "stderr": tail}
        self._lost(link, hit.code, str(hit), details, cause=f"{hit.name} limit")
        self._count(link, "daemon", str(hit), nursery)

    async def overfull(self, link: AgentLink, why: Overfull, nursery: trio.Nursery) -> None:
        """What it says is more than is kept of one turn."""
        await self.end()
        whose = "the session" if why.setting == "session_bytes" else "all living sessions together"
        message = f"the turn is ended: its events are too many for what {whose} may have, {why.option} {why.bound}"
        self._lost(link, "session_too_large", message, {"setting": why.setting, "bytes": why.bound}, cause="too large")
        self._count(link, "daemon", message, nursery)

    async def overdue(self, link: AgentLink, nursery: trio.Nursery) -> Effects:
        """Look which clock is due, and do what it is for. Returns what the agent is to be told."""
        match link.watchdogs.take_due():
            case None:
                return ()
            case "suspend":
                await self._suspend(link)
                return ()
            case "turn":
                message, details = _overdue(link, "turn")
                self._state.error("turn_timeout", message, **details)
                self._state.time_out()
                return self.interrupt(link)
            case what:
                await self.end()
                message, details = _overdue(link, what)
                outcome = "interrupted" if what == "interrupt" else "failed"
                self._lost(link, f"{what}_timeout", message, details, outcome, f"{what} timeout")
                if what == "start":
                    self._count(link, "daemon", message, nursery)
                return ()

    def interrupt(self, link: AgentLink) -> Effects:
        """Tell the agent to stop its turn; it is ended when it does not."""
        if (turn := self._state.turn_id) is not None:
            link.watchdogs.interrupt(turn)
        return link.dialect.interrupt()

    def interrupted(self) -> tuple[InterruptResponse, Effects]:
        """A client's interrupt: what it found, and what the agent is to be told."""
        turn, queued = self._state.turn_id, self._state.waiting
        if self.link is not None and turn is not None:
            if self.link.watchdogs.interrupted == turn:
                return InterruptResponse(True, "stopping", turn, queued), ()
            return InterruptResponse(True, "running", turn, queued), self.interrupt(self.link)
        if self.link is not None and self.background:
            return InterruptResponse(True, "background", None, queued), self.interrupt(self.link)
        if self._state.queued:  # the agent is still starting
            first = self._state.take()
            self._state.abandon(first)
            return InterruptResponse(True, "starting", first.turn_id, queued - 1), ()
        return InterruptResponse(False, "idle", None, 0), ()

    async def _suspend(self, link: AgentLink) -> None:
        """Nothing is lost by it, or it is not done. Prompts wait in the mailbox meanwhile; the next one starts it."""
        busy = self._state.queued or self._state.approvals or self.background
        if busy or link.process.status is not None or not self.resumable:
            return
        await self.end()
        self._context.counters.agent_suspensions[self._state.request.agent] += 1
        seconds = link.watchdogs.limit("suspend")
        detail = f"no turn for {seconds:g} s; the next prompt resumes the conversation"
        self._state.status(f"suspend_{self._state.prompts}", "agent.suspended", detail)

    def _lost(
        self,
        link: AgentLink,
        code: str,
        message: str,
        details: Mapping[str, object],
        outcome: TurnOutcome = "failed",
        cause: str = "agent exited",
    ) -> None:
        """The agent went away in mid-turn, or before it could take up the first prompt that waited for it. The reason
        stands in the turn that fails for it: readers of that turn see nothing else."""
        self._restarting = True
        if not link.ready:
            self.first_start.failed(code, message, details)
        if self._state.in_flight:
            self.tell_restarted(turn_ends=True)
        elif not link.ready and self._state.queued:
            self._state.open_turn(self._state.take())
        self._state.error(code, message, **details)
        self._state.close_turn(outcome, cause)

    def _count(
        self, link: AgentLink, by: TerminatedBy, message: str, nursery: trio.Nursery, status: ExitStatus | None = None
    ) -> None:
        """One unexpected end; too many are the session's. ``by`` is who ended the process."""
        if self._exits.occurred():
            message += f", {self._settings.agent_restarts} times within {self._settings.restart_period:g} s"
            code = status.code if status is not None else None
            self._state.end(SessionEndedData("error", by, message, code, link.process.terminal.output()), failed=True)
        elif pause := self._exits.pause:
            self._may_start = trio.current_time() + pause
            nursery.start_soon(self._rest, pause)


def _overdue(link: AgentLink, what: Watched) -> tuple[str, dict[str, object]]:
    """What the error says, and its details."""
    seconds = link.watchdogs.limit(what)
    return _OVERDUE[what].format(seconds), {"seconds": seconds, "stderr": link.process.terminal.text()}
