"""What a session of a million events costs the daemon, and what it costs others that one reads all of it:
`python -m benchmarks.long_session`.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from attrs import field, frozen

from .checks import Lost
from .drain import draining
from .load import Delay, paced
from .report import Bound, finish
from .servers import Server, serving

MOST_MEGABYTES = 10.0
SLOW = 4 << 20
"""Bytes a second of the slow reader: it reads from disk, and stays far behind."""
SLOW_EVENTS = 100_000
SIZE = 200
RATE = 10_000


@frozen
class Memory:
    """Megabytes that the daemon held: with an empty session, and most of them in each step after that."""

    empty: float
    written: float
    read: float
    paged: float


@frozen
class Reading:
    """``read_per_second`` are the events that one reader got from the beginning while ``delays`` others were measured,
    and ``alone`` without it."""

    read_per_second: list[float] = field(factory=list[float])
    delays: list[Delay] = field(factory=list[Delay])
    alone: list[Delay] = field(factory=list[Delay])


def write(server: Server, session_id: str, events: int) -> None:
    """Returns when all are in the log."""
    server.send(session_id, f"burst {events} {SIZE}")
    deadline = time.monotonic() + 600
    while True:
        info = server.api.get(f"/v1/sessions/{session_id}").raise_for_status().json()
        if info["eventCount"] > events and info["status"] == "idle":
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{session_id} has {info['eventCount']} events after 600 s")
        time.sleep(0.1)


@contextmanager
def most_memory(server: Server) -> Generator[list[float]]:
    """One figure: the most megabytes that the server held meanwhile, looked at every 50 ms."""
    most = [0.0]
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            most[0] = max(most[0], server.memory() / 1e6)
            over.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def page_through(server: Server, session_id: str, step: int) -> None:
    """Pages of 200 events, one in every ``step`` of the log, and the first and the last of them."""
    count = server.api.get(f"/v1/sessions/{session_id}").json()["eventCount"]
    for offset in [*range(0, count, step), max(0, count - 200)]:
        answer = server.api.get(f"/v1/sessions/{session_id}/events", params={"offset": offset, "limit": 200})
        got = [event["sequence"] for event in answer.raise_for_status().json()["events"]]
        if got != list(range(offset + 1, min(count, offset + 200) + 1)):
            raise Lost(f"{session_id}: the page after {offset} is {got[:3]} and so on")


def memory(server: Server, events: int) -> Memory:
    server.create("long")
    server.create("short")
    page_through(server, "short", 200)  # what is imported and allocated once is no session's
    empty = server.memory() / 1e6
    with most_memory(server) as written:
        write(server, "long", events)
    with most_memory(server) as read, draining(server, "long", SLOW, SLOW_EVENTS) as result:
        result()
    with most_memory(server) as paged:
        page_through(server, "long", events // 50)
    return Memory(empty, written[0], read[0], paged[0])


def reading(server: Server, rounds: int, seconds: float) -> Reading:
    found = Reading()
    for number in range(-1, rounds):
        for with_reader in (False, True) if number % 2 else (True, False):
            name = f"r{number}{'with' if with_reader else 'alone'}"
            if with_reader:
                with draining(server, "long") as result:
                    delay = paced(server, name, 10, 1, RATE, seconds)
                    rate = result().per_second
            else:
                delay, rate = paced(server, name, 10, 1, RATE, seconds), 0.0
            if number >= 0:
                (found.delays if with_reader else found.alone).append(delay)
                found.read_per_second.extend([rate] if with_reader else [])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_session", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long others are measured in each round")
    options = parser.parse_args()
    with serving() as server:
        held = memory(server, options.events)
        print(f"\nmegabytes of the daemon, with a session of {options.events:,} events")
        print(f"{'empty':>10} {'while written':>14} {'while read':>12} {'while paged':>12}")
        print(f"{held.empty:10.1f} {held.written:14.1f} {held.read:12.1f} {held.paged:12.1f}")
        read = reading(server, options.rounds, options.seconds)
    print(f"\n{RATE:,} events/s of ten other sessions, while one reader reads all of it")
    print(f"{'':>12} {'p50 ms':>9} {'p99 ms':>9} {'read/s':>12}")
    for name, delays, rates in (("alone", read.alone, [0.0]), ("with it", read.delays, read.read_per_second)):
        p50, p99 = (statistics.median(times) for times in ([d.p50_ms for d in delays], [d.p99_ms for d in delays]))
        print(f"{name:>12} {p50:9.2f} {p99:9.2f} {statistics.median(rates):12,.0f}")
    most = max(held.written, held.read, held.paged) - held.empty
    finish("long_session", [Bound("memory of the long session", most, MOST_MEGABYTES, "MB")], [held, read])


if __name__ == "__main__":
    main()
