"""The machine's processes, as /proc tells them: who descends from whom, also after a double fork or a setsid.

psutil was tried first: reading ``environ`` for 600 processes took it over 60 ms of GIL time per sweep, this 12 ms.
"""

import os
import signal
import uuid
from collections.abc import Callable, Container, Generator, Iterable, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import structlog
import trio
from attrs import frozen

from ..machine.agent_user import AgentUser, Rights
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted, exhausted
from ..machine.descriptors import Descriptors
from ..machine.owner import Owner, ProcessId
from ..machine.proc_visibility import PROC, ProcNotVisible, ProcVisibility, look
from .unverified_trees import UnverifiedTrees

MARKER = "SANDBOX_AGENT_PROCESS"
"""The variable by which a descendant is known even when its parents are gone. Its value is `<family>.<owner>.<unique>`:
the family is the daemon's journal, so that its next start knows what this one left, the owner is the daemon itself
(:class:`Owner`), the rest is drawn for each agent. Older versions named no owner."""

PAGE = os.sysconf("SC_PAGE_SIZE")
_log = structlog.get_logger("processes")

TICK = 1 / os.sysconf("SC_CLK_TCK")


NOBODY = ProcessId(0, 0)
"""The root of a tree that is known by its marker alone."""


@frozen
class ProcessRow:
    """``threads`` counts the main one, ``cpu`` is seconds with those of children that it has waited for, ``resident``
    bytes; pages that it shares with others are in them."""

    id: ProcessId
    parent: int
    zombie: bool
    marker: str | None
    threads: int = 1
    cpu: float = 0.0
    resident: int = 0


def read_process(pid: int, proc: str = PROC, rights: Rights | None = None) -> ProcessRow | None:
    """None when it is gone, or is not ours to look at. With ``rights`` the marker is looked for in their name where it
    is closed to us. Raises OSError when descriptors or memory are used up: that tells nothing about the process."""
    try:
        stat = Path(f"{proc}/{pid}/stat").read_bytes()
    except OSError as error:
        if exhausted(error):
            raise
        return None
    # The command stands in parentheses and may hold any byte, so fields are counted from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    marker = _read_marker(pid, proc)
    if marker is None and rights is not None:
        with rights():
            marker = _read_marker(pid, proc)
    return ProcessRow(
        ProcessId(pid, int(fields[19])),
        int(fields[1]),
        fields[0] in (b"Z", b"X"),
        marker,
        int(fields[17]),
        sum(map(int, fields[11:15])) * TICK,
        int(fields[21]) * PAGE,
    )


def _read_marker(pid: int, proc: str) -> str | None:
    try:
        environment = b"\0" + Path(f"{proc}/{pid}/environ").read_bytes()
    except OSError as error:
        if exhausted(error):
            raise
        return None
    # With the NUL before it: another variable's name may end like ours.
    _, found, rest = environment.partition(f"\0{MARKER}=".encode())
    return rest.split(b"\0", 1)[0].decode(errors="replace") if found else None


def read_all(proc: str = PROC, rights: Rights | None = None) -> list[ProcessRow]:
    """Every process, in one pass; ``rights`` as in :func:`read_process`. Takes milliseconds: call it off the event
    loop. Raises :class:`.ProcNotVisible`, and OSError when it could not see all of them."""
    sight = look(proc)
    if sight.blind:
        raise ProcNotVisible(sight.trouble)
    pids = (int(name) for name in os.listdir(proc) if name.isdigit())  # noqa: PTH208 - Path costs twice as much
    return [row for pid in pids if (row := read_process(pid, proc, rights)) is not None]


def send_signal(target: ProcessId, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone. A pid that was reused is not hit. Raises OSError when
    descriptors or memory are used up."""
    try:
        handle = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError) as error:
        if exhausted(error):
            raise
        return _send_by_pid(target, number)
    try:
        if not _lives(target):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError) as error:
        if exhausted(error):
            raise
        return _send_by_pid(target, number)
    finally:
        os.close(handle)
    return True


def _send_by_pid(target: ProcessId, number: signal.Signals) -> bool:
    """Where the system has no pidfds (old kernels, gVisor, some seccomp profiles). Between the look and the signal the
    pid would have to be given up and given out again: pids go round before that."""
    if not _lives(target):
        return False
    try:
        os.kill(target.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _lives(target: ProcessId) -> bool:
    row = read_process(target.pid)
    return row is not None and row.id == target and not row.zombie


def signal_all(targets: Iterable[ProcessId], number: signal.Signals) -> None:
    """Takes a tenth of a millisecond for each: call it off the event loop. Raises OSError, after it has tried all, when
    descriptors or memory were used up for one."""
    failure: OSError | None = None
    for target in targets:
        try:
            send_signal(target, number)
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure


class ProcessTable:
    """Snapshots for many askers: sessions that end at the same time share one pass over /proc.

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
        """One for a new tree of processes; see :data:`MARKER`."""
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
        """A child of ours that nobody has waited for, told from all that ever have its pid. Its start time is 0 where
        it cannot be had: then it is known by its marker alone."""
        try:
            row = None if look(self._proc).blind else read_process(child, self._proc)
        except OSError:
            try:
                row = self.reserve.run_here(read_process, child, self._proc)
            except Exhausted:
                row = None
        return ProcessId(child, 0) if row is None else row.id

    def own(self, child: ProcessId) -> None:
        """Somebody will wait for this child of the daemon: the reaper must not."""
        self._children.add(child)

    def disown(self, child: ProcessId) -> None:
        """It has been waited for."""
        self._children.discard(child)

    def owns(self, child: ProcessId) -> bool:
        """Whether it is a child of the daemon that nobody has waited for yet: its pid is nobody else's."""
        return child in self._children

    @property
    def children(self) -> Sequence[ProcessId]:
        """Those that :meth:`owns` tells."""
        return list(self._children)

    @property
    def rights(self) -> Rights:
        """With which a look sees the agents."""
        return nullcontext if self.user is None else self.user.rights

    @property
    def troubles(self) -> Sequence[str]:
        """In words, for whoever asks how the daemon is."""
        return [trouble for trouble in (self._sight.trouble, self.unverified.trouble) if trouble]

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """An actor of the chain: holds the reserve while agents are started and ended, and ends again those whose end
        could not be verified."""
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


def family(
    rows: Sequence[ProcessRow], roots: Iterable[ProcessId], spared: Container[ProcessId] = ()
) -> list[ProcessRow]:
    """The processes that come from ``roots``, which are among them.

    One that is spared is not told, nor what comes from it and from no other root.
    """
    by_parent: dict[int, list[ProcessRow]] = {}
    found: dict[ProcessId, ProcessRow] = {}
    wanted = set(roots)
    pending: list[ProcessRow] = []
    for row in rows:
        by_parent.setdefault(row.parent, []).append(row)
        if row.id in wanted:
            pending.append(row)
    while pending:
        row = pending.pop()
        if row.id not in found and row.id not in spared:
            found[row.id] = row
            pending.extend(by_parent.get(row.id.pid, ()))
    return list(found.values())


def descendants(rows: Sequence[ProcessRow], root: ProcessId) -> set[ProcessId]:
    """The living processes that come from ``root``, without it."""
    return {row.id for row in family(rows, [root]) if not row.zombie} - {root}
