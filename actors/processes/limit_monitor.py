"""The monitor of an agent's limits: limits that the kernel does not enforce are measured from time to time."""

from pathlib import Path

from ..machine.process_rows import ProcessRow
from .limits import Hit, Limits
from .tree import ProcessTree


class LimitMonitor:
    """CPU time counts for one turn and the work after it; the next turn counts from the last measurement before it."""

    def __init__(self, tree: ProcessTree, limits: Limits) -> None:
        self._tree = tree
        self._limits = limits
        self._turn: str | None = None
        self._last = 0.0
        self._lost = 0.0
        self._cpu = 0.0
        self._before = 0.0

    def __repr__(self) -> str:
        return f"<LimitMonitor {self._limits} cpu={self._cpu - self._before:.1f}>"

    def __bool__(self) -> bool:
        """Whether there are limits to check."""
        return bool(self._limits)

    def follow(self, turn: str | None) -> None:
        """Tell which turn the session is in. Called after every message, so it is cheap when nothing changed."""
        if turn is not None and turn != self._turn:
            self._turn = turn
            self._before = self._cpu

    async def look(self) -> Hit | None:
        """The exceeded limit, or None. Only what has a limit is measured. Raises one of :data:`.CANNOT_LOOK`."""
        if not self._limits:
            return None
        rows = await self._tree.rows()
        return await self._tree.reserve.run(self._judge, rows)

    def _judge(self, rows: list[ProcessRow]) -> Hit | None:
        group = self._tree.group
        if group is not None and (hit := group.hit(self._limits)) is not None:
            return hit
        living = [row for row in rows if not row.zombie]
        cpu = group.cpu() if group is not None else None
        self._cpu = self._sum_cpu(rows) if cpu is None else cpu
        held = group.controllers if group is not None else frozenset[str]()
        return (
            (self._limits.check_memory(self._memory(living)) if "memory" not in held else None)
            or (self._limits.check_processes(sum(row.threads for row in living)) if "pids" not in held else None)
            or self._limits.check_cpu(self._cpu - self._before)
        )

    def _memory(self, rows: list[ProcessRow]) -> int:
        """Memory in bytes. Shared pages count once, as far as the kernel reports it. That takes milliseconds, so it is
        only done when the cheap figure is over the limit."""
        resident = sum(row.resident for row in rows)
        if not self._limits.memory or resident <= self._limits.memory:
            return resident
        with self._tree.rights():
            return sum(map(_proportional, rows))

    def _sum_cpu(self, rows: list[ProcessRow]) -> float:
        """CPU time of the tree. A child's time is added to its parent's when it is reaped; that of orphans is
        remembered here."""
        now = sum(row.cpu for row in rows)
        self._lost += max(self._last - now, 0.0)
        self._last = now
        return now + self._lost


def _proportional(row: ProcessRow) -> int:
    """Proportional memory (PSS) in bytes: shared pages are divided by the number of processes that share them. When it
    may not be read, the resident memory."""
    try:
        rollup = Path(f"/proc/{row.id.pid}/smaps_rollup").read_text()
    except ProcessLookupError:
        return 0
    except OSError:
        return row.resident
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return row.resident
