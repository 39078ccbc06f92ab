"""Load on a server at a steady rate, and how late it delivers."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from attrs import frozen

from .checks import check_complete, latencies_ms
from .readers import Subscriber, read_turns, subscribe
from .servers import Server

TIMEOUT = 120.0


@frozen
class Delay:
    """From the agent's write to the arrival at a subscriber, in milliseconds; ``late_ms`` is the worst. ``cpu`` is how
    much of one CPU the server process used."""

    p50_ms: float
    p99_ms: float
    late_ms: float
    cpu: float


def fan_out(server: Server, name: str, sessions: int, subscribers: int, *, websocket: bool) -> list[Subscriber]:
    made: list[Subscriber] = []
    for n in range(sessions):
        server.create(f"{name}-{n}")
        made += [subscribe(server, f"{name}-{n}", websocket=websocket) for _ in range(subscribers)]
    return made


def get_stuck(server: Server, session_id: str) -> Subscriber:
    """A subscriber for which next to nothing fits into the kernel on our side. Nobody must read from it."""
    return subscribe(server, session_id, websocket=False, receive_buffer=4096)


def run_turn(
    server: Server, readers: Sequence[Subscriber], message: str, timeout: float = TIMEOUT, apart: float = 0.0
) -> float:
    """Send the prompt to every session, ``apart`` seconds one after the other; seconds until every subscriber has all
    of it.

    They are read from the first prompt on. When that began only after the last one, what came meanwhile counted as
    late by the time that the other prompts took, and those take longer with a journal.
    """
    session_ids = dict.fromkeys(reader.session_id for reader in readers)

    def send_all() -> None:
        began = time.monotonic()
        for number, session_id in enumerate(session_ids):
            time.sleep(max(0.0, began + number * apart - time.monotonic()))
            server.send(session_id, message)

    with ThreadPoolExecutor(1) as sender:
        started = time.monotonic_ns()
        sending = sender.submit(send_all)
        seconds = (read_turns(list(readers), timeout, sending) - started) / 1e9
    for reader in readers:
        reader.sock.close()
    return seconds


@frozen
class Burst:
    """``cpu`` is the server's CPU seconds per million delivered events."""

    delivered_per_second: float
    cpu: float


def burst(
    server: Server, name: str, sessions: int, subscribers: int, count: int, size: int, *, websocket: bool = False
) -> Burst:
    """``count`` deltas in each session, as fast as it goes. Checks that nothing was lost; forgets the sessions."""
    readers = fan_out(server, name, sessions, subscribers, websocket=websocket)
    cpu = server.cpu_seconds()
    seconds = run_turn(server, readers, f"burst {count} {size}")
    cpu = server.cpu_seconds() - cpu
    events = sum(check_complete(reader, count) for reader in readers)
    for n in range(sessions):
        server.delete(f"{name}-{n}")
    return Burst(events / seconds, cpu / events * 1e6)


def paced(
    server: Server,
    name: str,
    sessions: int,
    subscribers: int,
    rate: int,
    seconds: float,
    size: int = 400,
    *,
    websocket: bool = False,
    stuck: int = 0,
) -> Delay:
    """``rate`` is of all sessions together. Each session also has ``stuck`` subscribers that never read. Checks that
    nothing was lost; forgets the sessions again."""
    readers = fan_out(server, name, sessions, subscribers, websocket=websocket)
    deaf = [get_stuck(server, f"{name}-{n}") for n in range(sessions) for _ in range(stuck)]
    count = int(rate * seconds) // sessions
    cpu = server.cpu_seconds()
    # The sessions' events are to fall between each other's. How they fall when the prompts are sent as fast as they are
    # taken is a matter of how long that takes, and changes the p50 by a quarter.
    period = sessions / rate
    took = run_turn(server, readers, f"pace {count} {rate / sessions} {size}", apart=period + period / sessions)
    cpu = server.cpu_seconds() - cpu
    measured: list[float] = []
    for reader in readers:
        check_complete(reader, count)
        measured += latencies_ms(reader)
    for subscriber in deaf:
        subscriber.sock.close()
    for n in range(sessions):
        server.delete(f"{name}-{n}")
    cuts = statistics.quantiles(measured, n=100)
    return Delay(cuts[49], cuts[98], max(measured), cpu / took)
