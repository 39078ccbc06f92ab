"""Trees whose end could not be verified: every known process got SIGKILL, but no look at /proc was possible that says
whether another one is left."""

from typing import Protocol

import structlog
import trio

from ..machine.owner import ProcessId
from ..machine.proc_visibility import Exhausted, ProcNotVisible

PAUSE = 0.5
PAUSE_MAX = 30.0
"""Seconds between two tries; the pause doubles while no look is possible."""

_log = structlog.get_logger("ladder")


class Endable(Protocol):
    """A tree of processes, as :class:`.ProcessTree` is one."""

    async def end(self, terminate: float, kill: float) -> set[ProcessId]: ...


class UnverifiedTrees:
    """The trees are ended again until a look shows that no process is left."""

    def __init__(self) -> None:
        self._trees: list[Endable] = []
        self._some = trio.Event()

    def __repr__(self) -> str:
        return f"<UnverifiedTrees {len(self._trees)} trees>"

    def add(self, tree: Endable) -> None:
        self._trees.append(tree)
        self._some.set()

    @property
    def trouble(self) -> str:
        """Messages for health; empty when there are no such trees."""
        if not self._trees:
            return ""
        return (
            "for want of descriptors, threads or memory, or because they start processes faster than these can be"
            f" stopped, it could not be verified that nothing is left of {len(self._trees)} agents that were ended; it"
            " is tried again"
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Try again, until cancelled."""
        task_status.started()
        while True:
            await self._some.wait()
            self._some = trio.Event()
            pause = PAUSE
            while self._trees:
                await trio.sleep(pause)
                pause = PAUSE if await self._end(self._trees[0]) else min(pause * 2, PAUSE_MAX)

    async def _end(self, tree: Endable) -> bool:
        try:
            left = await tree.end(0, PAUSE)
        except Exhausted:
            return False
        except ProcNotVisible:
            left = None
        self._trees.remove(tree)
        if left:
            _log.error("processes outlived SIGKILL", pids=sorted(process.pid for process in left))
        return True
