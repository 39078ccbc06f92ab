"""The installer: one install at a time per agent, whoever asks for it and however often.

Who asks for what is being installed waits for the same install. An install that has begun is finished also when nobody
waits any more: whoever hung up will ask again.
"""

from collections.abc import Mapping

import structlog
import trio
from attrs import define, field, frozen

from ...schema.agents.effects import ItemCompleted
from ...schema.api.agent_info import AgentInstallProgress, InstallPhase
from ...schema.items import StatusPart
from ...schema.problems import install_failed
from ..kernel.actor import Actor
from ..kernel.mailbox import ActorGone, Envelope, Mailbox, Request
from .errors import InstallFailed
from .job import InstallRequest, InstallTools

_log = structlog.get_logger("installer")


@frozen
class Install(Request[None]):
    """The reply comes when the version is installed; the ``install_failed`` problem when it cannot be. ``watcher`` is
    told of the progress by :class:`Installing`."""

    wanted: InstallRequest
    watcher: Mailbox | None = None


@frozen
class Installs(Request[Mapping[str, AgentInstallProgress]]):
    """What is being installed now, by agent."""


@frozen
class Installing:
    """To a session that waits for its agent, at most once per ``install_progress`` seconds, and only what is new."""

    progress: AgentInstallProgress

    def item(self, native_id: str) -> ItemCompleted:
        """As the session's log tells it."""
        done = "" if self.progress.percent is None else f" {self.progress.percent} %"
        part = StatusPart("agent.install", f"{self.progress.version}: {self.progress.phase}{done}")
        return ItemCompleted(native_id, "status", "system", (part,), synthetic=True)


@frozen
class NotInstalled:
    """To a session that waits for its agent: it waits in vain."""

    reason: str


@define(eq=False)
class _Job:
    wanted: InstallRequest
    progress: AgentInstallProgress
    watchers: list[Mailbox] = field(factory=list[Mailbox])
    error: Exception | None = None
    done: trio.Event = field(factory=trio.Event)

    def report(self, phase: InstallPhase, percent: int | None) -> None:
        self.progress = AgentInstallProgress(self.wanted.version, phase, percent)

    async def wait(self) -> None:
        """Until it is installed. Raises the ``install_failed`` problem when it could not be."""
        await self.done.wait()
        if self.error is not None:
            raise install_failed(self.wanted.agent, str(self.error))


class Installer(Actor):
    def __init__(self, mailbox: Mailbox, workshop: InstallTools) -> None:
        super().__init__(mailbox)
        self._workshop = workshop
        # By agent, in the order in which they are done; the first is at work.
        self._lines: dict[str, list[_Job]] = {}

    def __repr__(self) -> str:
        at_work = [f"{agent}={line[0].progress.phase}" for agent, line in self._lines.items()]
        return f"<Installer {' '.join(at_work) or 'idle'}>"

    async def handle(self, envelope: Envelope) -> None:
        match envelope.message:
            case Install(wanted, watcher):
                self._join(wanted, watcher, envelope)
            case Installs():
                envelope.answer({agent: line[0].progress for agent, line in self._lines.items()})
            case unknown:
                raise TypeError(f"Installer got {unknown!r}")

    def _join(self, wanted: InstallRequest, watcher: Mailbox | None, envelope: Envelope) -> None:
        line = self._lines.setdefault(wanted.agent, [])
        job = next((job for job in line if _serves(job.wanted, wanted)), None)
        if job is None:
            job = _Job(wanted, AgentInstallProgress(wanted.version, "waiting"))
            line.append(job)
            if len(line) == 1:
                self.nursery.start_soon(self._work, wanted.agent)
        if watcher is not None:
            job.watchers.append(watcher)
        self.later(envelope, job.wait)

    async def _work(self, agent: str) -> None:
        """Do what stands in this agent's line, until it is empty."""
        line = self._lines[agent]
        while line:
            job = line[0]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_progress, job)
                job.error = await self._install(job)
                nursery.cancel_scope.cancel()
            if job.error is not None:
                await self._tell(job, NotInstalled(str(job.error)))
            line.pop(0)
            job.done.set()
        del self._lines[agent]

    async def _install(self, job: _Job) -> Exception | None:
        wanted = job.wanted
        _log.info("installing", agent=wanted.agent, version=wanted.version)
        try:
            await self._workshop.install(wanted, job.report)
        except InstallFailed as error:
            _log.warning("install failed", agent=wanted.agent, version=wanted.version, reason=str(error))
            return error
        except Exception as error:  # noqa: BLE001 - our fault; but a crash here would take every session with it
            _log.error("install crashed", agent=wanted.agent, version=wanted.version, exc_info=error)
            return error
        _log.info("installed", agent=wanted.agent, version=wanted.version)
        return None

    async def _tell_progress(self, job: _Job) -> None:
        told = None
        while self._workshop.settings.install_progress:
            if job.progress != told:
                told = job.progress
                await self._tell(job, Installing(told))
            await trio.sleep(self._workshop.settings.install_progress)

    async def _tell(self, job: _Job, message: Installing | NotInstalled) -> None:
        for watcher in tuple(job.watchers):
            try:
                await watcher.tell(message)
            except ActorGone:
                job.watchers.remove(watcher)


def _serves(job: InstallRequest, wanted: InstallRequest) -> bool:
    """Whether what is under way will do for who asks now."""
    same = job.version == wanted.version
    return same and (job.current or not wanted.current) and (job.reinstall or not wanted.reinstall)
