"""The watch over an agent's limits: what the kernel does not hold, the daemon measures from time to time."""

from pathlib import Path

from ..machine.process_rows import ProcessRow
from .limits import Hit, Limits
from .tree import ProcessTree


class LimitMonitor:
    """CPU time is that of one turn and of what goes on after it; the next turn counts from the last look before it."""

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
        """Whether there is anything to watch."""
        return bool(self._limits)

    def follow(self, turn: str | None) -> None:
        """What the session is doing now. Cheap when nothing has changed: it is called after every message."""
        if turn is not None and turn != self._turn:
            self._turn = turn
            self._before = self._cpu

    async def look(self) -> Hit | None:
        """Which limit is over, if one is. Nothing is measured that has no limit. Raises one of :data:`.CANNOT_LOOK`."""
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
        """Shared pages count once, as far as the kernel tells. Asking it takes milliseconds: only when it matters."""
        resident = sum(row.resident for row in rows)
        if not self._limits.memory or resident <= self._limits.memory:
            return resident
        with self._tree.rights():
            return sum(map(_proportional, rows))

    def _sum_cpu(self, rows: list[ProcessRow]) -> float:
        """A child's time becomes its parent's when it is waited for. What goes with an orphan is remembered here."""
        now = sum(row.cpu for row in rows)
        self._lost += max(self._last - now, 0.0)
        self._last = now
        return now + self._lost


def _proportional(row: ProcessRow) -> int:
    """Bytes, those that are shared divided by how many share them. What it seemed to be when it may not be seen."""
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
