"""The process tree of one agent: every descendant, also those that left its process group or session.

``kill(pid)`` misses three of four descendants, ``killpg`` the one that called setsid. The members are known by several
signs together: their parents, the marker in the environment, having been seen before (which finds a process whose
parents exited and that cleared its environment), and the cgroup, where there is one, which no process leaves.
"""

import os
import signal
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress

import trio

from ..machine.agent_user import Rights
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted
from ..machine.owner import ProcessId
from ..machine.proc_visibility import CANNOT_LOOK, ProcNotVisible
from ..machine.process_rows import NOBODY, ProcessRow, family
from ..machine.signals import signal_all
from .cgroup import Cgroup
from .fork_loops import end_fork_loops
from .table import ProcessTable

LOOK = 0.02
"""Seconds between two looks whether a tree has ended: descendants are not our children, so there is no notification."""

LOOK_MAX = 0.5
"""Most seconds between two tries to look, while none succeeds."""

FREEZES = 3
"""How often a tree may be stopped before it is killed, however long the looks take."""

LATE_LOOKS = 3
"""How often the last step looks again when its time is over and a look has shown a new process."""


class Escaping(Exhausted):
    """A member of a tree may have escaped: a fork loop was too fast to be seen. It may be seen later."""


class ProcessTree:
    """``marker`` is the prefix of every member's marker. Processes in ``groups`` are members too; those in ``spared``
    are not. ``tag`` is the tag of all members (:mod:`.fork_loops`)."""

    def __init__(
        self,
        root: ProcessId,
        marker: str,
        table: ProcessTable,
        groups: Sequence[Cgroup] = (),
        spared: Container[ProcessId] = (),
        tag: int | None = None,
    ) -> None:
        self.root = root
        self.marker = marker
        self._table = table
        self._groups = groups
        self._spared = spared
        self._tag = tag
        self._seen: set[ProcessId] = {root}

    def __repr__(self) -> str:
        return f"<ProcessTree root={self.root.pid} seen={len(self._seen)}>"

    @property
    def reserve(self) -> DescriptorReserve:
        return self._table.reserve

    @property
    def rights(self) -> Rights:
        """With which more of its members can be seen."""
        return self._table.rights

    @property
    def group(self) -> Cgroup | None:
        """The agent's own cgroup, if it has one."""
        return self._groups[0] if self._groups else None

    async def members(self) -> set[ProcessId]:
        """The running processes of the tree. Raises one of :data:`.CANNOT_LOOK`."""
        return {row.id for row in await self.rows() if not row.zombie}

    async def rows(self) -> list[ProcessRow]:
        """Of its members, also of dead ones that nobody has waited for."""
        rows = await self._table.rows()
        roots = self._seen | set(self._marked(rows))
        if self._groups:
            inside = await self.reserve.run(self._inside)
            roots |= {row.id for row in rows if row.id.pid in inside}
        found = family(rows, roots, self._spared)
        self._seen = {row.id for row in found if not row.zombie} | {self.root}
        return found

    def _marked(self, rows: Sequence[ProcessRow]) -> Iterable[ProcessId]:
        """The processes that are members by their marker."""
        return (row.id for row in rows if row.marker is not None and row.marker.startswith(self.marker))

    def _inside(self) -> set[int]:
        return {pid for group in self._groups for pid in group.members()}

    async def end(self, terminate: float, kill: float) -> set[ProcessId]:
        """SIGTERM, then SIGKILL, to all that is left of the tree, each with its time in seconds; returns at once when
        nothing is left. Returns the processes that still run. Raises one of :data:`.CANNOT_LOOK` when that is not
        known; every known process has got SIGKILL by then."""
        try:
            with trio.move_on_after(terminate):
                await self._terminate()
        finally:
            left = await _Killing(self, kill).run()
        if self._tag is not None and not await self.reserve.run(end_fork_loops, self._tag, kill):
            raise Escaping("one of them forks and exits in less time than it takes to stop it")
        return left

    async def _terminate(self) -> None:
        """Also to members that are started meanwhile; returns when none is left."""
        signalled: set[ProcessId] = set()
        pause = LOOK
        while True:
            try:
                members = await self.members()
            except CANNOT_LOOK:
                if pause == LOOK:
                    self.signal_known(signal.SIGTERM)
                if not self.group_lives():
                    return
                pause = min(pause * 2, LOOK_MAX)
            else:
                if not members:
                    return
                await self.send(members - signalled, signal.SIGTERM)
                signalled |= members
                pause = LOOK
            await trio.sleep(pause)

    async def send(self, targets: Iterable[ProcessId], number: signal.Signals) -> None:
        try:
            await self.reserve.run(signal_all, targets, number)
        except Exhausted:
            self.signal_known(number)

    async def kill_groups(self) -> None:
        """SIGKILL to all in its cgroup at once, also to those that are being started."""
        if not self._spared:
            for group in self._groups:
                with suppress(Exhausted):
                    await self.reserve.run(group.kill)

    def signal_known(self, number: signal.Signals) -> None:
        """Without a look: to the root's process group, which needs no descriptor, and to all that were seen before."""
        self.signal_group(number)
        with suppress(*CANNOT_LOOK):
            self.reserve.run_here(signal_all, self.seen, number)

    def signal_group(self, number: signal.Signals) -> None:
        """To all in the root's process group at once, also to those that are being started."""
        if self._leads:
            with suppress(OSError):
                os.killpg(self.root.pid, number)

    @property
    def seen(self) -> set[ProcessId]:
        """The members in the last look."""
        return self._seen - {NOBODY}

    def group_lives(self) -> bool:
        """Whether a process, at least a zombie, is in the root's process group: all that is known without a look."""
        if not self._leads:
            return False
        try:
            os.killpg(self.root.pid, 0)
        except OSError as error:
            return not isinstance(error, ProcessLookupError)
        return True

    @property
    def _leads(self) -> bool:
        """Whether the root leads a process group. Its number is not reused while a process is in that group, or before
        the root was reaped; after that, only when pids have wrapped around once."""
        return self.root.pid > 1 and self.root.pid != os.getpgrp()


class _Killing:
    """The last step, SIGKILL. ``patience`` is the time after the first SIGKILL was sent."""

    def __init__(self, tree: ProcessTree, patience: float) -> None:
        self._tree = tree
        self._patience = patience
        self._stopped: set[ProcessId] = set()
        self._killed: set[ProcessId] = set()
        self._freezes = 0
        self._late = 0
        self._freeze_until = float("inf")
        self._deadline = float("inf")
        self._pause = LOOK

    async def run(self) -> set[ProcessId]:
        """Every process that was stopped or seen is killed in any case, also when this is cancelled or cannot look."""
        done = False
        try:
            await self._tree.kill_groups()
            while True:
                try:
                    members = await self._tree.members()
                except CANNOT_LOOK as error:
                    await self._kill_unseen(error)
                else:
                    if not members or await self._kill(members):
                        done = True
                        return members
        finally:
            # A look does not show a process that forks and exits in less time than the look takes.
            self._tree.signal_group(signal.SIGKILL)
            if not done:
                self._kill_rest()

    async def _kill(self, members: set[ProcessId]) -> bool:
        """Stop all members before they are killed: a stopped process cannot fork. When a look shows no new process, all
        children are known. If they were killed one by one, a parent could die with a child that was not seen yet. True
        when all have had their time."""
        if self._freezes == 0:
            self._freeze_until = trio.current_time() + self._patience / 2
        fresh = members - self._stopped - self._killed
        freezing = trio.current_time() < self._freeze_until or self._freezes < FREEZES
        if fresh and not self._killed and freezing:
            self._freezes += 1
            self._stopped |= fresh
            await self._tree.send(fresh, signal.SIGSTOP)
            return False
        await self._tree.send(members, signal.SIGKILL)
        new = members - self._killed
        self._killed |= members
        now = trio.current_time()
        self._deadline = min(self._deadline, now + self._patience)
        if now > self._deadline:
            # A look may take longer than the patience: a process that it shows first was not killed before.
            self._late += 1
            if not new or self._late > LATE_LOOKS:
                return True
        await trio.sleep(LOOK)
        return False

    async def _kill_unseen(self, error: Exception) -> None:
        """A look was not possible. Raises ``error`` when the time is over."""
        self._tree.signal_known(signal.SIGKILL)
        now = trio.current_time()
        self._deadline = min(self._deadline, now + self._patience)
        if now > self._deadline or (isinstance(error, ProcNotVisible) and not self._tree.group_lives()):
            raise error
        await trio.sleep(self._pause)
        self._pause = min(self._pause * 2, LOOK_MAX)

    def _kill_rest(self) -> None:
        rest = (self._stopped | self._tree.seen) - self._killed
        try:
            if rest:
                self._tree.reserve.run_here(signal_all, rest, signal.SIGKILL)
        except CANNOT_LOOK:
            # They were stopped a moment ago, and a stopped process does not exit: their pids are not reused.
            for process in self._stopped - self._killed:
                with suppress(OSError):
                    os.kill(process.pid, signal.SIGKILL)
