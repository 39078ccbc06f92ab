"""The machine's processes, as /proc tells them: who descends from whom, also after a double fork or a setsid.

psutil was tried first: reading ``environ`` for 600 processes took it over 60 ms of GIL time per sweep, this 12 ms.
"""

import os
import signal
import uuid
from collections.abc import Callable, Container, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import trio
from attrs import frozen

from .descriptors import Descriptors
from .owner import Owner, ProcessId

MARKER = "SANDBOX_AGENT_PROCESS"
"""The variable by which a descendant is known even when its parents are gone. Its value is `<family>.<owner>.<unique>`:
the family is the daemon's journal, so that its next start knows what this one left, the owner is the daemon itself
(:class:`Owner`), the rest is drawn for each agent. Older versions named no owner."""

PAGE = os.sysconf("SC_PAGE_SIZE")
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


def read_process(pid: int) -> ProcessRow | None:
    """None when it is gone, or is not ours to look at."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The command stands in parentheses and may hold any byte, so fields are counted from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return ProcessRow(
        ProcessId(pid, int(fields[19])),
        int(fields[1]),
        fields[0] in (b"Z", b"X"),
        _read_marker(pid),
        int(fields[17]),
        sum(map(int, fields[11:15])) * TICK,
        int(fields[21]) * PAGE,
    )


def _read_marker(pid: int) -> str | None:
    try:
        environment = b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    # With the NUL before it: another variable's name may end like ours.
    _, found, rest = environment.partition(f"\0{MARKER}=".encode())
    return rest.split(b"\0", 1)[0].decode(errors="replace") if found else None


def read_all() -> list[ProcessRow]:
    """Every process, in one pass. Takes milliseconds: call it off the event loop."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - Path costs twice as much
    return [row for row in map(read_process, pids) if row is not None]


def send_signal(target: ProcessId, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone. A pid that was reused is not hit."""
    try:
        handle = os.pidfd_open(target.pid)
    except OSError:
        return False
    try:
        row = read_process(target.pid)
        if row is None or row.id != target or row.zombie:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def signal_all(targets: Iterable[ProcessId], number: signal.Signals) -> None:
    """Takes a tenth of a millisecond for each: call it off the event loop."""
    for target in targets:
        send_signal(target, number)


class ProcessTable:
    """Snapshots for many askers: sessions that end at the same time share one pass over /proc.

    ``family`` names the daemon's processes beyond its own life; without it they have a name for this life only.
    """

    def __init__(self, family: Callable[[], str] | None = None) -> None:
        own = uuid.uuid4().hex
        self._family = family or (lambda: own)
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
        self.descriptors = Descriptors()

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

    def own(self, child: ProcessId) -> None:
        """Somebody will wait for this child of the daemon: the reaper must not."""
        self._children.add(child)

    def disown(self, child: ProcessId) -> None:
        """It has been waited for."""
        self._children.discard(child)

    async def strays(self) -> list[ProcessId] | None:
        """Dead children of the daemon that nobody waits for; None when a birth meanwhile makes that uncertain."""
        births = self._births
        rows = await self.rows()
        if self._in_labour or self._births != births:
            return None
        me = os.getpid()
        return [row.id for row in rows if row.zombie and row.parent == me and row.id not in self._children]

    async def rows(self) -> list[ProcessRow]:
        """All processes at some moment after this call began."""
        asked_at = trio.current_time()
        async with self._lock:
            if self._taken_at < asked_at:
                begun = trio.current_time()
                self._rows = await trio.to_thread.run_sync(read_all)
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
