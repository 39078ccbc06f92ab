"""The process table: looks at /proc that many callers share, the children of the daemon, and the agents' markers."""

import os
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress

import structlog
import trio

from ..machine.agent_user import AgentUser, Rights
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted
from ..machine.descriptors import Descriptors
from ..machine.owner import Owner, ProcessId
from ..machine.proc_visibility import PROC, ProcVisibility, look
from ..machine.process_rows import ProcessRow, read_all, read_process
from .unverified_trees import UnverifiedTrees

_log = structlog.get_logger("processes")


class ProcessTable:
    """Snapshots for many callers: sessions that end at the same time share one pass over /proc.

    ``family`` names the daemon's processes beyond its own life; without it they have a name for this life only.
    ``reserve`` is for whoever ends processes; ``proc`` is where /proc is mounted. ``user`` is the one as whom agents
    run where it is another than ours: without root's leave to trace, as in containers, their markers are told to nobody
    else.
    """

    def __init__(
        self,
        family: Callable[[], str] | None = None,
        reserve: DescriptorReserve | None = None,
        proc: str = PROC,
        user: AgentUser | None = None,
    ) -> None:
        own = uuid.uuid4().hex
        self._family = family or (lambda: own)
        self.reserve = reserve or DescriptorReserve(0)
        self.unverified = UnverifiedTrees()
        self.user = user
        self._proc = proc
        self._sight = ProcVisibility()
        self._lock = trio.Lock()
        self._taken_at = float("-inf")
        self._rows: list[ProcessRow] = []
        self._reads = 0
        self._births = 0
        self._in_labour = 0
        self.forks = trio.CapacityLimiter(1)
        """For worker threads that fork: several at once, each with the GIL, kept the event loop waiting for 50 ms."""
        self._children: set[ProcessId] = set()
        self._owner: Owner | None = None
        self.descriptors = Descriptors(self.reserve)

    def __repr__(self) -> str:
        return f"<ProcessTable rows={len(self._rows)} reads={self._reads} children={len(self._children)}>"

    def marker(self) -> str:
        """The marker of a new process tree; see :data:`MARKER`."""
        if self._owner is None or self._owner.process.pid != os.getpid():
            self._owner = Owner.own()
        owner = "" if self._owner is None else f"{self._owner}."
        return f"{self._family()}.{owner}{uuid.uuid4()}"

    @contextmanager
    def birth(self) -> Generator[None]:
        """Around every fork of the daemon, until :meth:`own` has named the child or it has been waited for."""
        self._births += 1
        self._in_labour += 1
        try:
            yield
        finally:
            self._in_labour -= 1

    def identify(self, child: int) -> ProcessId:
        """The identity of a child of ours that was not reaped, distinct from all other processes with its pid. Its
        start time is 0 where it is not available: then the child is known only by its marker."""
        try:
            row = None if look(self._proc).blind else read_process(child, self._proc)
        except OSError:
            try:
                row = self.reserve.run_here(read_process, child, self._proc)
            except Exhausted:
                row = None
        return ProcessId(child, 0) if row is None else row.id

    def own(self, child: ProcessId) -> None:
        """Other code will reap this child of the daemon, so the reaper must not."""
        self._children.add(child)

    def disown(self, child: ProcessId) -> None:
        """The child was reaped."""
        self._children.discard(child)

    def owns(self, child: ProcessId) -> bool:
        """Whether it is a child of the daemon that was not reaped yet, so that its pid cannot be reused."""
        return child in self._children

    @property
    def children(self) -> Sequence[ProcessId]:
        """The children for which :meth:`owns` is true."""
        return list(self._children)

    @property
    def rights(self) -> Rights:
        """With which a look sees the agents."""
        return nullcontext if self.user is None else self.user.rights

    @property
    def troubles(self) -> Sequence[str]:
        """Messages for health."""
        return [trouble for trouble in (self._sight.trouble, self.unverified.trouble) if trouble]

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """An actor of the chain: keeps the descriptor reserve filled while agents start and end, and ends trees again
        whose end could not be verified."""
        self.reserve.fill()
        try:
            with suppress(Exhausted):
                self._sight = await self.reserve.run(look, self._proc)
            if self._sight.trouble:
                _log.warning("descendants of agents cannot be followed", reason=self._sight.trouble)
            await self.unverified.run(task_status=task_status)
        finally:
            self.reserve.close()

    async def strays(self) -> list[ProcessId] | None:
        """Dead children of the daemon that nobody waits for; None when a birth meanwhile makes that uncertain. Raises
        as :meth:`rows` does."""
        births = self._births
        rows = await self.rows()
        if self._in_labour or self._births != births:
            return None
        me = os.getpid()
        return [row.id for row in rows if row.zombie and row.parent == me and row.id not in self._children]

    async def rows(self) -> list[ProcessRow]:
        """All processes at some moment after this call began. Raises one of :data:`.CANNOT_LOOK`."""
        asked_at = trio.current_time()
        async with self._lock:
            if self._taken_at < asked_at:
                begun = trio.current_time()
                self._rows = await self.reserve.run(read_all, self._proc, None if self.user is None else self.rights)
                self._taken_at = begun
                self._reads += 1
            return self._rows
