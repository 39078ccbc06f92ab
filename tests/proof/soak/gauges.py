"""The resources of a daemon, measured from outside: /proc, its data directory, and its /metrics."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import trio

from sandbox_agent.actors.journal.sqlite_file import WAL_BYTES

from ..lives import Lives
from ..wire import Gone, call
from .flat import Bound, Sample, Trend, trend

MB = 1e6

BOUNDS: Mapping[str, Bound] = {
    "rss_mb": Bound(per_hour=4, noise=6, settling=8),
    "fds": Bound(per_hour=2, noise=12),
    "threads": Bound(per_hour=1, noise=4),
    "descendants": Bound(per_hour=2, noise=12),
    "sessions": Bound(per_hour=2, noise=12),
    "loop_lateness_ms": Bound(per_hour=20, noise=100),
    "journal_mb": Bound(per_hour=4, noise=6),
    "wal_mb": Bound(per_hour=2, noise=WAL_BYTES / MB),
}
"""How much each may grow. All of them vary with the current sessions. The write-ahead log has any size up to its limit.
Memory settles for minutes, until floods have caused the most that is ever held at once. The loop's lateness depends on
what else the machine computes."""

LATENESS = "sandbox_agent_event_loop_lateness_seconds"


class Gauges:
    """``figures`` grows by one sample of each per :meth:`look`."""

    def __init__(self, lives: Lives) -> None:
        self.figures: dict[str, list[Sample]] = {name: [] for name in BOUNDS}
        self._lives = lives
        self._late = (0.0, 0.0)

    def trends(self, after: float) -> list[Trend]:
        """Of what was sampled later than ``after``."""
        return [
            trend(name, [sample for sample in samples if sample[0] >= after], BOUNDS[name])
            for name, samples in self.figures.items()
        ]

    def last(self) -> str:
        return ", ".join(f"{name} {samples[-1][1]:.6g}" for name, samples in self.figures.items() if samples)

    async def look(self) -> None:
        """Takes a sample. A daemon that does not answer is a failure of the soak."""
        answer = await call(await self._lives.where(), "GET", "/metrics")
        if answer.status != 200:
            raise Gone(f"/metrics answered {answer}")
        metrics = dict(_parse(answer.body.decode()))
        at = trio.current_time()
        for name, value in {
            **await trio.to_thread.run_sync(self._from_outside),
            "loop_lateness_ms": self._lateness(metrics),
            "sessions": sum(value for name, value in metrics.items() if name.startswith("sandbox_agent_sessions{")),
        }.items():
            self.figures[name].append((at, value))

    def _lateness(self, metrics: Mapping[str, float]) -> float:
        """The mean since the last look."""
        total, count = metrics[f"{LATENESS}_sum"], metrics[f"{LATENESS}_count"]
        before, self._late = self._late, (total, count)
        return (total - before[0]) / max(1.0, count - before[1]) * 1000

    def _from_outside(self) -> dict[str, float]:
        assert self._lives.process is not None
        process = psutil.Process(self._lives.process.pid)
        return {
            "rss_mb": process.memory_info().rss / MB,
            "fds": process.num_fds(),
            "threads": process.num_threads(),
            "descendants": len(self._lives.descendants()),
            "journal_mb": sum(_sizes(self._lives.data, wal=False)) / MB,
            "wal_mb": sum(_sizes(self._lives.data, wal=True)) / MB,
        }


def _sizes(directory: Path, *, wal: bool) -> Iterator[int]:
    return (file.stat().st_size for file in directory.glob("journal*") if file.name.endswith("-wal") == wal)


def _parse(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            yield name, float(value)
