"""What the journal costs: latency with it, compared with --ephemeral. `python -m benchmarks.journal`.

Both servers run all the time and are measured by turns, so that whatever else the machine does happens to both.
"""

import argparse
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from attrs import frozen

from .load import Delay, paced
from .report import Bound, finish
from .servers import Server, serving

TOPOLOGIES = ((1, 1), (10, 5), (5, 20))
"""Sessions times subscribers of each."""

MOST = 1.3
"""What the journal may make of the p50 latency."""


@frozen
class Compared:
    sessions: int
    subscribers: int
    memory: Sequence[Delay]
    disk: Sequence[Delay]

    def bound(self) -> Bound:
        without, with_ = (statistics.median(delay.p50_ms for delay in of) for of in (self.memory, self.disk))
        return Bound(f"p50 with the journal, {self.sessions}x{self.subscribers}", with_ / without, MOST)

    def show(self) -> None:
        for kind, delays in (("--ephemeral", self.memory), ("journal", self.disk)):
            p50s, p99s = [d.p50_ms for d in delays], [d.p99_ms for d in delays]
            print(
                f"{self.sessions:>5}x{self.subscribers:<4} {kind:>12} {statistics.median(p50s):9.2f} "
                f"{statistics.median(p99s):9.2f} {statistics.median(d.late_ms for d in delays):9.2f} "
                f"{statistics.median(d.cpu for d in delays):8.2f}   {min(p50s):.2f} to {max(p50s):.2f}"
            )


def compare(
    servers: Sequence[Server], sessions: int, subscribers: int, rate: int, seconds: float, rounds: int
) -> Compared:
    measured: tuple[list[Delay], list[Delay]] = [], []
    for number in range(-1, rounds):
        # The first of two is not always the same, and the first round only warms up.
        for which in (0, 1) if number % 2 else (1, 0):
            delay = paced(servers[which], f"j{number}", sessions, subscribers, rate, seconds)
            if number >= 0:
                measured[which].append(delay)
    return Compared(sessions, subscribers, *measured)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal", description=__doc__)
    parser.add_argument("--rate", type=int, default=10_000, help="events per second of all sessions together")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each run lasts")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each, of which the median counts")
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(ephemeral=ephemeral)) for ephemeral in (True, False)]
        results = [
            compare(servers, *topology, options.rate, options.seconds, options.rounds) for topology in TOPOLOGIES
        ]
    print(
        f"\n{options.rate:,} events/s of all sessions together, {options.rounds} runs of {options.seconds:g} s by turns"
    )
    print(f"{'':>10} {'':>12} {'p50 ms':>9} {'p99 ms':>9} {'most ms':>9} {'CPU':>8}   p50 of the runs")
    for result in results:
        result.show()
    finish("journal", [result.bound() for result in results], results)


if __name__ == "__main__":
    main()
