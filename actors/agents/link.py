"""The link: connects one agent process with its dialect, from launch to end.

Everything that the agent does reaches the session as a message. At most one batch of lines is being handled: the output
of an agent that writes too much waits in its own pipe, not in our memory.
"""

import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
import trio
from attrs import frozen

from ...schema.agents.dialect import Dialect, Effects, ExitStatus, HookedDialect, HttpDialect, HttpResponse
from ...schema.agents.effects import AnswerHook, CallHttp, FollowStream, Reach, SignalAgent, ToAgent, Write
from ...schema.redaction.redactor import Redactor
from ...schema.settings import Settings
from ..kernel.mailbox import ActorGone, Mailbox
from ..machine.proc_visibility import CANNOT_LOOK
from ..processes.agent_process import OUTPUT_LINGER, AgentProcess
from ..processes.ending import end_process
from ..processes.limit_monitor import LimitMonitor
from ..processes.limits import Hit, Limits
from ..processes.line_splitter import OversizedLine
from .hook_server import HookServer
from .http_client import HttpClient
from .read_pacing import ReadPacing
from .watchdogs import Watchdogs

_log = structlog.get_logger("agent")


@frozen
class AgentLinesReceived:
    link: "AgentLink"
    lines: list[bytes | OversizedLine]


@frozen
class AgentResponded:
    link: "AgentLink"
    call_id: str
    response: HttpResponse

    def effects(self) -> Effects:
        return self.link.http.responded(self.call_id, self.response)


@frozen
class AgentStreamOpened:
    link: "AgentLink"

    def effects(self) -> Effects:
        return self.link.http.stream_opened()


@frozen
class AgentStreamed:
    link: "AgentLink"
    payloads: list[bytes | OversizedLine]


@frozen
class HookCalled:
    link: "AgentLink"
    hook_id: str
    request: Mapping[str, Any]

    def effects(self) -> Effects:
        return self.link.hooked.hooked(self.hook_id, self.request)


@frozen
class HookGone:
    link: "AgentLink"
    hook_id: str

    def effects(self) -> Effects:
        return self.link.hooked.hook_gone(self.hook_id)


@frozen
class AgentExited:
    link: "AgentLink"
    status: ExitStatus


@frozen
class TimedOut:
    """A timeout has expired; the link's watchdogs know which."""

    link: "AgentLink"


@frozen
class LimitExceeded:
    """The agent and its descendants exceed a limit."""

    link: "AgentLink"
    hit: Hit


class AgentLink:
    def __init__(
        self,
        process: AgentProcess,
        dialect: Dialect,
        mailbox: Mailbox,
        settings: Settings,
        watchdogs: Watchdogs,
        hooks: HookServer | None = None,
        clear: Callable[[], Awaitable[None]] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """``hooks`` end with the process; ``clear`` removes what else was made for it. ``redactor`` masks the secrets
        of the agent's environment, and does not change."""
        self.redactor = redactor or Redactor()
        self.process = process
        self.dialect = dialect
        self.ready = False
        self.ending = False
        self.watchdogs = watchdogs
        self.limits = LimitMonitor(process.tree, Limits.of(settings))
        self._mailbox = mailbox
        self._settings = settings
        self._kept = trio.Semaphore(0)
        self._pace = ReadPacing(settings.read_interval)
        # Shielded: a cancelled session still needs its link to end the agent. Only end() ends it.
        self._scope = trio.CancelScope(shield=True)
        self._output_ended = trio.Event()
        self._done = trio.Event()
        self._hooks = hooks
        self._clear = clear
        self._port: HttpClient | None = None
        self._reached = trio.Event()
        self._unmeasured = False

    def __repr__(self) -> str:
        state = "ending" if self.ending else "ready" if self.ready else "starting"
        port = f" {self._port!r}" if self._port is not None else ""
        return f"<AgentLink {state} {self.process!r}{port}>"

    async def run(self) -> None:
        """Carry bytes in both directions and tell the session what happens, until :meth:`end`."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.process.write_outbox)
                    nursery.start_soon(self.process.drain_terminal)
                    nursery.start_soon(self._read)
                    nursery.start_soon(self._speak_http)
                    if self._hooks is not None:
                        nursery.start_soon(self._serve_hooks, self._hooks)
                    nursery.start_soon(self.watchdogs.run, self._ring)
                    nursery.start_soon(self._watch_limits)
                    status = await self.process.watch()
                    _log.info("agent exited", pid=self.process.pid, status=str(status), asked=self.ending)
                    with trio.move_on_after(OUTPUT_LINGER):
                        await self._output_ended.wait()
                        # The last output there is mostly the reason of the exit.
                        await self.process.terminal_ended.wait()
                    # The kernel may have ended it because of a limit: then that is reported.
                    await self._check_limits()
                    await self._tell(AgentExited(self, status))
        finally:
            self._done.set()

    async def _read(self) -> None:
        await self.process.read(self._deliver)
        self._output_ended.set()
        # No more input comes from it.
        if not self.ending and not await self.process.exited_within(self._settings.mute_timeout):
            await end_process(self.process, self._settings, polite=False)

    async def _deliver(self, lines: list[bytes | OversizedLine]) -> None:
        await self._tell_and_wait(AgentLinesReceived(self, lines), len(lines))

    async def _tell_and_wait(self, message: AgentLinesReceived | AgentStreamed, count: int) -> None:
        """Wait until the last batch is kept. Meanwhile the agent's output gathers in its pipe, to be read together:
        otherwise each single line would cost a wake-up and a commit of the journal."""
        if not self.ending:
            self._pace.read(count)
            await self._tell(message)
            await self._kept.acquire()
            await self._pace.wait()

    def carry_out(self, effect: ToAgent) -> None:
        """Send something to the agent, without waiting. Raises :class:`OutboxFull` or :class:`HttpQueueFull`."""
        match effect:
            case Write(data):
                self.process.send(data)
            case SignalAgent():
                self.process.signal(signal.SIGINT)
            case AnswerHook(hook_id, allow, message):
                if self._hooks is not None:
                    self._hooks.answer(hook_id, allow=allow, message=message)
            case Reach():
                self._port = HttpClient(effect, self, self._settings)
                self._reached.set()
            case CallHttp():
                self._opened_port.call(effect)
            case FollowStream(path):
                self._opened_port.follow(path)

    def mask_with(self, redactor: Redactor) -> None:
        """Use this redactor from here on, also for terminal output that came before."""
        self.process.terminal.redactor = redactor

    @property
    def http(self) -> HttpDialect:
        """The dialect of an agent that is spoken to over HTTP."""
        assert isinstance(self.dialect, HttpDialect), "only such a dialect reaches its agent"  # noqa: S101
        return self.dialect

    @property
    def _opened_port(self) -> HttpClient:
        assert self._port is not None, "a dialect must reach its agent before it calls"  # noqa: S101
        return self._port

    async def _speak_http(self) -> None:
        """The client is made while a message is handled, in a task of the session; its own tasks belong to this
        link."""
        await self._reached.wait()
        await self._opened_port.run()

    @property
    def hooked(self) -> HookedDialect:
        """The dialect of an agent whose hooks ask."""
        assert isinstance(self.dialect, HookedDialect), "only such a dialect's agent has hooks"  # noqa: S101
        return self.dialect

    async def _serve_hooks(self, hooks: HookServer) -> None:
        await hooks.serve(self.process.started, self._hook_asked, self._hook_gone)

    async def _hook_asked(self, hook_id: str, request: Mapping[str, Any]) -> None:
        await self._tell(HookCalled(self, hook_id, request))

    async def _hook_gone(self, hook_id: str) -> None:
        await self._tell(HookGone(self, hook_id))

    async def responded(self, call_id: str, response: HttpResponse) -> None:
        await self._tell(AgentResponded(self, call_id, response))

    async def stream_opened(self) -> None:
        await self._tell(AgentStreamOpened(self))

    async def streamed(self, payloads: list[bytes | OversizedLine]) -> None:
        await self._tell_and_wait(AgentStreamed(self, payloads), len(payloads))

    async def _ring(self) -> None:
        # Put into the session's mailbox after all of the agent's output so far: unread output means it is not silent.
        await self.process.hear_out()
        await self._tell(TimedOut(self))

    async def _watch_limits(self) -> None:
        if self.limits:
            while not await self._check_limits():  # noqa: ASYNC110 - nothing tells us what they use
                await trio.sleep(self._settings.limit_interval)

    async def _check_limits(self) -> bool:
        try:
            hit = await self.limits.look()
        except CANNOT_LOOK as error:
            if not self._unmeasured:
                _log.warning("cannot measure what an agent uses", pid=self.process.pid, error=str(error))
            self._unmeasured = True
            return False
        self._unmeasured = False
        if hit is not None:
            await self._tell(LimitExceeded(self, hit))
        return hit is not None

    async def _tell(self, message: object) -> None:
        if not self.ending:
            try:
                await self._mailbox.tell(message)
            except ActorGone:
                self.ending = True

    def kept(self) -> None:
        """The events of one :class:`AgentLinesReceived` or :class:`AgentStreamed` are in the journal and visible."""
        self._kept.release()

    async def end(self, *, polite: bool) -> str:
        """End the process and all its descendants, then this link. Returns what could not be done or verified, in
        words; empty when nothing is left.

        Shielded, and bounded by the steps of the ending: an ending that was begun is completed. Whatever fails in it,
        the link has ended then.
        """
        self.ending = True
        # Releases a reader that waits for a session which no longer handles messages.
        self._kept.release()
        with trio.CancelScope(shield=True):
            try:
                doubt = await end_process(self.process, self._settings, polite=polite)
                await self.process.exited_within(self._settings.end_kill)
            finally:
                self._scope.cancel()
                await self._done.wait()
                try:
                    await self.process.aclose()
                finally:
                    if self._hooks is not None:
                        await self._hooks.aclose()
                    if self._clear is not None:
                        await self._clear()
            return doubt
        raise AssertionError("a shielded scope is never cancelled")
