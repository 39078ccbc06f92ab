"""Confinement: what enforces the agents' limits on this machine; found out before the first agent starts."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
import trio

from ...schema.settings import Settings
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted
from .cgroup import Cgroup
from .cgroup_root import CgroupRoot, find_own
from .limits import Limits

_log = structlog.get_logger("confinement")


class Confinement:
    """An actor of the chain: agents start when it is known what enforces their limits. It logs that too.

    ``journal_id`` is asked when the chain runs: a journal on disk has its id only then.
    """

    def __init__(self, journal_id: Callable[[], str], settings: Settings, reserve: DescriptorReserve) -> None:
        self.home: CgroupRoot | None = None
        self._reserve = reserve
        self._journal_id = journal_id
        self._limits = Limits.of(settings)
        # With an ephemeral journal no later daemon would remove what a kill leaves, so only when it is needed.
        self._wanted = settings.agent_cgroups and (bool(self._limits) or not settings.ephemeral)

    def __repr__(self) -> str:
        return f"<Confinement {self._limits} {self.home!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if self._wanted:
            self.home = await trio.to_thread.run_sync(self._open)
        watched = self._watched()
        # At info when there are limits, otherwise at debug: the daemon logs little when it starts.
        tell = _log.info if self._limits else _log.debug
        tell(
            "agents are confined",
            limits=str(self._limits),
            cgroup=None if self.home is None else str(self.home.path),
            held_by_kernel=sorted(self.home.controllers) if self.home is not None else [],
            watched_by_daemon=watched,
        )
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            home, self.home = self.home, None
            if home is not None:
                with trio.CancelScope(shield=True), suppress(Exhausted):
                    await self._reserve.run(home.remove)

    async def group(self, marker: str) -> Cgroup | None:
        """The cgroup of a new agent; None where the daemon can make none."""
        if self.home is None:
            return None
        return await trio.to_thread.run_sync(self.home.make, marker.rpartition(".")[2], self._limits)

    def _open(self) -> CgroupRoot | None:
        own = find_own()
        return None if own is None else CgroupRoot.open(own, self._journal_id(), self._limits)

    def _watched(self) -> Sequence[str]:
        held = self.home.controllers if self.home is not None else frozenset[str]()
        limits = self._limits
        named = (("memory", limits.memory), ("pids", limits.processes), ("cpu", limits.cpu))
        return [name for name, limit in named if limit and name not in held]
