"""Installs from the command line: all at the same time, with a bar for each on a terminal and plain lines elsewhere."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import click
import trio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ...actors.installs.errors import InstallFailed, Report
from ...actors.installs.job import InstallRequest, InstallTools
from ...actors.kernel.loop_clock import LoopClock
from ...actors.machine.programs import program
from ...actors.processes.table import ProcessTable
from ...schema.api.agent_info import InstallPhase
from ...schema.credentials.credential import without_credentials
from ...schema.settings import Settings


class Installing:
    """:meth:`run` returns why each failure failed."""

    def __init__(
        self,
        agents: Sequence[str],
        version: str | None,
        reinstall: bool,
        settings: Settings,
        environment: Mapping[str, str],
    ) -> None:
        self._agents = agents
        self._version = version
        self._reinstall = reinstall
        table = ProcessTable()
        self._workshop = InstallTools(settings, without_credentials(environment), table, table.marker)
        self._console = Console(stderr=True, highlight=False)
        self._bars: Progress | None = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[phase]}"))
            self._bars = Progress(*columns, console=self._console, transient=True)
        self._results: list[str] = []
        self._failures: list[str] = []
        self._signal: int | None = None

    def run(self) -> list[str]:
        shown: AbstractContextManager[object] = self._bars or nullcontext()
        with shown:
            # Ctrl-Z is a pause too.
            trio.run(self._run, clock=LoopClock.of(self._workshop.settings))
        if self._signal is not None:
            raise click.exceptions.Exit(128 + self._signal)
        for line in self._results:
            click.echo(line)
        return self._failures

    async def _run(self) -> None:
        async with trio.open_nursery() as watching:
            await watching.start(self._watch_signals, watching.cancel_scope)
            async with trio.open_nursery() as installs:
                for agent in self._agents:
                    installs.start_soon(self._install, agent)
            watching.cancel_scope.cancel()

    async def _watch_signals(
        self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """An install that is given up takes its files and processes with it."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                self._signal = number
                scope.cancel()

    async def _install(self, agent: str) -> None:
        if self._version is None and not self._reinstall and (program := await self._there(agent)) is not None:
            self._say(f"{agent} is there already: {program}")
            return
        wanted = InstallRequest.make(agent, self._version, reinstall=self._reinstall)
        try:
            installed = await self._workshop.install(wanted, self._report(wanted))
        except InstallFailed as error:
            self._failures.append(f"{agent} {wanted.version} was not installed: {error}")
        else:
            self._say(f"{agent} {installed.version} is installed: {installed.program}")

    async def _there(self, agent: str) -> str | None:
        installed = await trio.to_thread.run_sync(self._workshop.store(agent).find)
        if installed is not None:
            return str(installed.program)
        return program(agent, self._workshop.environment)

    def _say(self, line: str) -> None:
        """A result. They go to stdout when the bars, which are drawn on stderr, are gone."""
        self._results.append(line)

    def _report(self, wanted: InstallRequest) -> Report:
        name = f"{wanted.agent} {wanted.version}"
        if self._bars is not None:
            return _bar(self._bars, self._bars.add_task(name, total=100, phase=""))
        last: InstallPhase | None = None

        def line(phase: InstallPhase, percent: int | None) -> None:
            nonlocal last
            if phase != last:
                last = phase
                click.echo(f"{name}: {phase}", err=True)

        return line


def _bar(bars: Progress, task: TaskID) -> Report:
    def report(phase: InstallPhase, percent: int | None) -> None:
        shown = phase if percent is None else f"{phase} {percent} %"
        if percent is None:
            bars.update(task, phase=shown)
        else:
            bars.update(task, completed=percent, phase=shown)

    return report
