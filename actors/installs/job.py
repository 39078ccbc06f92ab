"""One install from beginning to end: lock, clear away remains, fetch, check, activate.

Used by the Installer actor and by ``sandbox-agent install-agent``, which needs no daemon. A failure, a timeout or a
cancellation takes the tree away again; what a kill leaves is cleared away by the next install.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import trio
from attrs import frozen

from ...schema.agents.definitions import PINNED
from ...schema.settings import Settings
from ..files.data_directory import data_directory
from ..machine.proc_visibility import CANNOT_LOOK
from ..processes.command import PATIENCE, run_command
from ..processes.orphan_tree import OrphanTree
from ..processes.table import ProcessTable
from .errors import InstallFailed, Report
from .lock import locked
from .npm import Npm
from .platform import Platform, this_platform
from .versions import Installed, InstalledVersions, Receipt

SHOWN = 200
"""Characters of a program's answer that are quoted."""


class Source(Protocol):
    """Where an agent comes from. ``fetch`` fills the tree and returns the program in it."""

    @property
    def name(self) -> str: ...

    async def fetch(self, agent: str, version: str, tree: Path, report: Report) -> Path: ...


@frozen
class InstallRequest:
    """``reinstall`` builds the version anew when it is there. ``current`` makes it the one that is used when no version
    is named; the first install of an agent becomes that in any case."""

    agent: str
    version: str
    reinstall: bool = False
    current: bool = True

    @classmethod
    def make(
        cls, agent: str, version: str | None, *, reinstall: bool = False, current: bool = True
    ) -> "InstallRequest":
        return cls(agent, version or PINNED[agent], reinstall, current)


@frozen
class InstallTools:
    """What an install needs of the house. ``unique`` draws the name of a tree; it marks the processes that fill it."""

    settings: Settings
    environment: Mapping[str, str]
    table: ProcessTable
    unique: Callable[[], str]

    def store(self, agent: str) -> InstalledVersions:
        return InstalledVersions(data_directory(self.settings, self.environment), agent)

    async def install(self, wanted: InstallRequest, report: Report) -> Installed:
        """Install a version, or find that it is there. Raises :class:`InstallFailed` with the reason."""
        with trio.move_on_after(self.settings.install_timeout or float("inf")):
            try:
                return await self._install(wanted, report)
            except OSError as error:
                raise InstallFailed(f"{wanted.agent} {wanted.version}: {error}") from error
        raise InstallFailed(f"{wanted.agent} {wanted.version} was not installed in {self.settings.install_timeout:g} s")

    async def _install(self, wanted: InstallRequest, report: Report) -> Installed:
        store = self.store(wanted.agent)
        report("waiting", None)
        async with locked(store.lock):
            found = await trio.to_thread.run_sync(store.find, wanted.version)
            if found is not None and not wanted.reinstall:
                if wanted.current:
                    await trio.to_thread.run_sync(store.use, wanted.version)
                return found
            await self._clear_away(store)
            tree = await trio.to_thread.run_sync(store.begin, self.unique())
            try:
                await self._build(wanted, store, tree, report)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(_remove, tree)
                raise
            installed = await trio.to_thread.run_sync(store.find, wanted.version)
        if installed is None:
            raise InstallFailed(f"{wanted.agent} {wanted.version} was taken away while it was being installed")
        return installed

    async def _build(self, wanted: InstallRequest, store: InstalledVersions, tree: Path, report: Report) -> None:
        platform = this_platform()
        source = await self._source(platform)
        program = await source.fetch(wanted.agent, wanted.version, tree, report)
        report("checking", None)
        await self._check(program, wanted, tree)
        report("activating", None)
        receipt = Receipt(wanted.version, str(program.relative_to(tree)), source.name)
        check = trio.from_thread.check_cancelled

        def activate() -> None:
            store.activate(tree, receipt, current=wanted.current, check=check)

        await trio.to_thread.run_sync(activate)

    async def _source(self, platform: Platform) -> Source:
        npm = Npm.found(self.settings, self.environment, self.table, platform)
        if npm is not None:
            return npm
        return (await trio.to_thread.run_sync(_load_download))(self.settings, platform)

    async def _check(self, program: Path, wanted: InstallRequest, tree: Path) -> None:
        """A stub, a build for another machine or another version than was asked for must not be activated."""
        argv = (str(program), "--version")
        with trio.move_on_after(self.settings.probe_timeout or float("inf")):
            try:
                done = await run_command(argv, self.environment, tree, tree.name, self.table)
            except OSError as error:
                raise InstallFailed(f"{program.name} does not run on this machine: {error}") from error
            said = done.stdout.strip()
            if done.status != 0:
                words = (done.stderr.strip() or said)[:SHOWN]
                raise InstallFailed(f"`{program.name} --version` failed with status {done.status}: {words}")
            if wanted.version not in said.split():
                raise InstallFailed(
                    f"{wanted.agent} {wanted.version} was asked for; what came says that it is {said[:SHOWN]!r}"
                )
            return
        raise InstallFailed(f"`{program.name} --version` did not answer within {self.settings.probe_timeout:g} s")

    async def _clear_away(self, store: InstalledVersions) -> None:
        """Remains of installs that were killed. Their processes first: an orphaned npm goes on writing. One that still
        runs is that of another data directory, of which ours is a copy."""
        for tree in await trio.to_thread.run_sync(store.remains):
            with suppress(*CANNOT_LOOK):
                await OrphanTree(tree.name, self.table).end(PATIENCE, PATIENCE)
            await trio.to_thread.run_sync(_remove, tree)


def _load_download() -> Callable[[Settings, Platform], Source]:
    """In a thread: httpx takes some ten milliseconds to import, and few daemons ever need it."""
    from .download import Download

    return Download


def _remove(tree: Path) -> None:
    if tree.is_symlink() or not tree.is_dir():
        tree.unlink()
    else:
        shutil.rmtree(tree, ignore_errors=True)
