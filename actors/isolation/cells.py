"""Cells: an agent's private directory, and the command line that starts it at the isolation level of this machine."""

import shutil
from collections.abc import Callable, Sequence

import structlog
import trio

from ..machine.descriptor_reserve import DescriptorReserve
from ..processes.agent_process import SpawnFailed
from ..processes.private_directory import PrivateDirectory
from .isolation import Isolation
from .plan import Plan

_log = structlog.get_logger("isolation")


class Cells:
    """An actor of the chain. Where agents have namespaces, their private directories are in one directory that is
    hidden from all agents: so no agent sees a private directory that is made later for another. Where they have a user
    of their own, the private directories are in one that this user may not list.

    ``journal_id`` is asked when the chain runs: a journal on disk has its id only then.
    """

    def __init__(self, isolation: Isolation, journal_id: Callable[[], str], reserve: DescriptorReserve) -> None:
        self.isolation = isolation
        self._journal_id = journal_id
        self._reserve = reserve
        self._parent: PrivateDirectory | None = None

    def __repr__(self) -> str:
        return f"<Cells {self.isolation.level} {self._parent!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        bare = self.isolation
        if bare.level != "process":
            try:
                self._parent = await self._make_parent(bare)
            except OSError as error:
                _log.warning("agents may see each other's private files", error=str(error))
            else:
                self.isolation = bare.with_hidden(self._parent.path)
        # At debug only: health and every session tell it too, and the daemon logs little when it starts.
        _log.debug("agents are isolated", **bare.told())
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            parent, self._parent = self._parent, None
            self.isolation = bare
            if parent is not None:
                with trio.CancelScope(shield=True):
                    await parent.remove(self._reserve)

    async def _make_parent(self, isolation: Isolation) -> PrivateDirectory:
        """Raises OSError."""
        parent = await PrivateDirectory.make(self._journal_id())
        if isolation.user is not None:
            try:
                await parent.let_pass()
            except OSError:
                await parent.remove(self._reserve)
                raise
        return parent

    async def private_directory(self) -> PrivateDirectory:
        """A private directory for one agent. Raises OSError."""
        parent = None if self._parent is None else str(self._parent.path)
        return await PrivateDirectory.make(self._journal_id(), parent)

    async def command(self, argv: Sequence[str], kept: Sequence[str]) -> Sequence[str]:
        """The command line that starts ``argv`` in its cell. ``kept`` are the paths that it must see; the first is its
        working directory. Raises :class:`SpawnFailed`."""
        if self.isolation.level != "namespace":
            return argv
        return await trio.to_thread.run_sync(_command, self.isolation.plan, argv, kept)


def _command(plan: Plan, argv: Sequence[str], kept: Sequence[str]) -> Sequence[str]:
    if plan.hides(kept[0]):
        raise SpawnFailed(f"{kept[0]} is a directory of the daemon's own, which is hidden from agents; take another")
    # Checked here: the starting program itself would start, and could only report the error later.
    if shutil.which(argv[0]) is None:
        raise SpawnFailed(f"The command was not found or was not executable: {argv[0]}.")
    return plan.command(argv, [path for path in kept if not plan.hides(path)])
