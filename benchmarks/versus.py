"""This checkout against another one: processor time of an event, throughput and latency, by turns.

`python -m benchmarks.versus ../before`, where `make setup` was run. Both servers run all the time and each pair of runs
is compared by itself, so that whatever else the machine does happens to both.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from .load import burst, paced
from .report import Bound, finish
from .servers import Server, serving

TOPOLOGIES = ((1, 1), (5, 20), (10, 5))
"""Sessions times subscribers of each."""

MOST = 1.03
"""What a change may make of any of the three."""


@frozen
class Run:
    """``cpu`` is in microseconds per delivered event, ``seconds`` are per million of them."""

    cpu: float
    seconds: float
    p50_ms: float


@frozen
class Compared:
    sessions: int
    subscribers: int
    before: Sequence[Run]
    now: Sequence[Run]

    def bounds(self) -> list[Bound]:
        where = f"{self.sessions}x{self.subscribers}"
        return [
            Bound(f"CPU of an event, {where}", self._ratio("cpu"), MOST),
            Bound(f"time of an event, {where}", self._ratio("seconds"), MOST),
            Bound(f"p50, {where}", self._ratio("p50_ms"), MOST),
        ]

    def _ratio(self, name: str) -> float:
        pairs = zip(self.before, self.now, strict=True)
        return statistics.median(getattr(now, name) / getattr(before, name) for before, now in pairs)

    def show(self) -> None:
        for which, runs in (("before", self.before), ("now", self.now)):
            figures = [statistics.median(getattr(run, name) for run in runs) for name in ("cpu", "seconds", "p50_ms")]
            least = min(run.cpu for run in runs)
            print(
                f"{self.sessions:>5}x{self.subscribers:<4} {which:>8} {figures[0]:9.2f} {1e6 / figures[1]:12,.0f}"
                f" {figures[2]:9.2f}   CPU at least {least:.2f}"
            )


def measure(server: Server, name: str, sessions: int, subscribers: int, options: argparse.Namespace) -> Run:
    count = max(1000, options.deliveries // (sessions * subscribers))
    fast = burst(server, name, sessions, subscribers, count, options.bytes)
    slow = paced(server, f"{name}p", sessions, subscribers, options.rate, options.seconds, options.bytes)
    return Run(fast.cpu, 1e6 / fast.delivered_per_second, slow.p50_ms)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus", description=__doc__)
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--deliveries", type=int, default=200_000, help="events delivered in each burst, about")
    parser.add_argument("--bytes", type=int, default=400, help="characters of each delta")
    parser.add_argument("--rate", type=int, default=1000, help="events per second for latency")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each latency run lasts")
    parser.add_argument("--rounds", type=int, default=9, help="pairs of runs, of which the median counts")
    options = parser.parse_args()
    with ExitStack() as stack:
        pythons = (str(options.before.resolve() / ".venv/bin/python"), sys.executable)
        servers = [stack.enter_context(serving(python=python)) for python in pythons]
        results: list[Compared] = []
        print(f"{'':>10} {'':>8} {'CPU us':>9} {'delivered/s':>12} {'p50 ms':>9}")
        for sessions, subscribers in TOPOLOGIES:
            runs: tuple[list[Run], list[Run]] = [], []
            for number in range(-1, options.rounds):
                # The first of two is not always the same, and the first round only warms up.
                for which in (0, 1) if number % 2 else (1, 0):
                    run = measure(servers[which], f"v{number}", sessions, subscribers, options)
                    if number >= 0:
                        runs[which].append(run)
            results.append(Compared(sessions, subscribers, *runs))
            results[-1].show()
    finish("versus", [bound for result in results for bound in result.bounds()], results)


if __name__ == "__main__":
    main()
