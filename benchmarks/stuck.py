"""What a subscriber that never reads costs: `python -m benchmarks.stuck`.

An hour is stood for by its events: a million of them, so that every buffer on the way is full long before the end.
"""

import argparse
import statistics
from collections.abc import Sequence

from attrs import frozen

from .load import Delay, get_stuck, paced, run_turn
from .readers import subscribe
from .report import Bound, finish
from .servers import serving

STUCK = 20
"""So many, because what one costs is less than what the memory of a process sways by."""

MOST_MEGABYTES = 1.0
MOST_RATIO = 1.2
SIZE = 200
TOPOLOGY = 5, 2
RATE = 5000


@frozen
class Delays:
    alone: Sequence[Delay]
    beside: Sequence[Delay]


def memory(stuck: int, events: int) -> float:
    """Megabytes of a fresh daemon when one subscriber has read ``events`` events and ``stuck`` ones have not."""
    with serving() as server:
        server.create("s")
        deaf = [get_stuck(server, "s") for _ in range(stuck)]
        # Only its end is looked at, piece by piece: what is kept is this process's memory, and is let go.
        reader = subscribe(server, "s", websocket=False)
        run_turn(server, [reader], f"burst {events} {SIZE}", timeout=600)
        held = server.memory() / 1e6
        for subscriber in deaf:
            subscriber.sock.close()
        return held


def delays(rounds: int, seconds: float) -> Delays:
    """By turns on one server: a stuck subscriber in each session, and none."""
    measured: tuple[list[Delay], list[Delay]] = [], []
    with serving() as server:
        for number in range(-1, rounds):
            for stuck in (0, 1) if number % 2 else (1, 0):
                delay = paced(server, f"d{number}-{stuck}", *TOPOLOGY, RATE, seconds, stuck=stuck)
                if number >= 0:
                    measured[stuck].append(delay)
    return Delays(*measured)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stuck", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    none, many = memory(0, options.events), memory(STUCK, options.events)
    print(f"\n{options.events:,} events: {none:.1f} MB; with {STUCK} subscribers that read none of them {many:.1f} MB")
    found = delays(options.rounds, options.seconds)
    print(f"\n{TOPOLOGY[0]}x{TOPOLOGY[1]}, {RATE:,} events/s, {options.rounds} runs of {options.seconds:g} s by turns")
    print(f"{'':>24} {'p50 ms':>9} {'p99 ms':>9}   p99 of the runs")
    for name, of in (("alone", found.alone), ("a stuck one in each", found.beside)):
        p50s, p99s = [d.p50_ms for d in of], [d.p99_ms for d in of]
        spread = f"{min(p99s):.2f} to {max(p99s):.2f}"
        print(f"{name:>24} {statistics.median(p50s):9.2f} {statistics.median(p99s):9.2f}   {spread}")
    alone, beside = (statistics.median(d.p99_ms for d in of) for of in (found.alone, found.beside))
    bounds = [
        Bound("memory of a stuck subscriber", max(0.0, many - none) / STUCK, MOST_MEGABYTES, "MB"),
        Bound("p99 beside a stuck subscriber", beside / alone, MOST_RATIO),
    ]
    finish("stuck", bounds, [found])


if __name__ == "__main__":
    main()
