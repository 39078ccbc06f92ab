"""The process tree of one agent: every descendant, also those that left its process group or session.

``kill(pid)`` leaves three of four descendants, ``killpg`` the one that called setsid. A tree is known by four signs
together: parenthood, the marker in the environment, having been seen in it before (which finds a process whose
parents died and that cleared its environment), and its cgroup, where it has one, which nothing escapes.
"""

import signal
from collections.abc import Container, Iterable, Sequence

import trio

from .cgroup import Cgroup
from .processes import ProcessId, ProcessRow, ProcessTable, family, signal_all

LOOK = 0.02
"""Seconds between two looks at whether a tree is gone: descendants are not our children, so nothing tells us."""


class ProcessTree:
    """``marker`` is what the marker of every member begins with. Who is in a group of ``groups`` is a member, and those
    in ``spared`` are none."""

    def __init__(
        self,
        root: ProcessId,
        marker: str,
        table: ProcessTable,
        groups: Sequence[Cgroup] = (),
        spared: Container[ProcessId] = (),
    ) -> None:
        self.root = root
        self.marker = marker
        self._table = table
        self._groups = groups
        self._spared = spared
        self._seen: set[ProcessId] = {root}

    def __repr__(self) -> str:
        return f"<ProcessTree root={self.root.pid} seen={len(self._seen)}>"

    @property
    def group(self) -> Cgroup | None:
        """The agent's own, if it has one."""
        return self._groups[0] if self._groups else None

    async def members(self) -> set[ProcessId]:
        """The living processes of the tree."""
        return {row.id for row in await self.rows() if not row.zombie}

    async def rows(self) -> list[ProcessRow]:
        """Of its members, also of dead ones that nobody has waited for."""
        rows = await self._table.rows()
        roots = self._seen | set(self._marked(rows))
        if self._groups:
            inside = await trio.to_thread.run_sync(self._inside)
            roots |= {row.id for row in rows if row.id.pid in inside}
        found = family(rows, roots, self._spared)
        self._seen = {row.id for row in found if not row.zombie} | {self.root}
        return found

    def _marked(self, rows: Sequence[ProcessRow]) -> Iterable[ProcessId]:
        """Those that are members by their marker."""
        return (row.id for row in rows if row.marker is not None and row.marker.startswith(self.marker))

    def _inside(self) -> set[int]:
        return {pid for group in self._groups for pid in group.members()}

    async def end(self, terminate: float, kill: float) -> set[ProcessId]:
        """SIGTERM, then SIGKILL, to all that is left of it, each with its patience in seconds; at once when nothing
        is. Returns those that are there still."""
        with trio.move_on_after(terminate):
            await self._terminate()
        with trio.move_on_after(kill):
            await self._kill(trio.current_time() + kill / 2)
        return await self.members()

    async def _terminate(self) -> None:
        """Also members born meanwhile; returns when there are none left."""
        signalled: set[ProcessId] = set()
        while members := await self.members():
            await trio.to_thread.run_sync(signal_all, members - signalled, signal.SIGTERM)
            signalled |= members
            await trio.sleep(LOOK)

    async def _kill(self, freeze_until: float) -> None:
        """Stopped before they are killed: who is stopped cannot fork. When a look shows nobody new, everybody's
        children are known; killed one by one, a parent could die with a child that nobody has seen yet."""
        if not self._spared:
            for group in self._groups:
                await trio.to_thread.run_sync(group.kill)
        stopped: set[ProcessId] = set()
        while members := await self.members():
            fresh = members - stopped
            stopped |= members
            if fresh and trio.current_time() < freeze_until:
                await trio.to_thread.run_sync(signal_all, fresh, signal.SIGSTOP)
            else:
                await trio.to_thread.run_sync(signal_all, members, signal.SIGKILL)
                await trio.sleep(LOOK)
