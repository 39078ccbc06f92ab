"""Run every measurement and print a table; `python -m benchmarks --help` for the sizes."""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, frozen

from .checks import check_complete
from .load import TIMEOUT, Burst, burst, paced
from .readers import read_turns, subscribe
from .servers import Server, serving

TOPOLOGIES = ((1, 1), (1, 50), (10, 5), (5, 20))
"""Sessions times subscribers of each."""

SLOW_BYTES_PER_SECOND = 1000


@frozen
class Throughput:
    """``cpu`` is the server's CPU seconds per million delivered events."""

    transport: str
    sessions: int
    subscribers: int
    delivered_per_second: float
    cpu: float


@frozen
class Latency:
    transport: str
    sessions: int
    subscribers: int
    per_second: int
    p50_ms: float
    p99_ms: float


def throughput(server: Server, transport: str, sessions: int, subscribers: int, total: int, size: int) -> Throughput:
    """The median of three runs: a burst is short, and the machine has other things to do."""
    per_session = max(1000, total // (sessions * subscribers))
    bursts: list[Burst] = []
    for repeat in range(3):
        name = f"{transport}-{sessions}x{subscribers}-{repeat}"
        websocket = transport == "websocket"
        bursts.append(burst(server, name, sessions, subscribers, per_session, size, websocket=websocket))
    rate = statistics.median(burst.delivered_per_second for burst in bursts)
    return Throughput(transport, sessions, subscribers, rate, statistics.median(burst.cpu for burst in bursts))


def slow_reader(server: Server, seconds: int) -> int:
    """One subscriber reads 1 kB/s beside a fast one; returns how many events it got. Raises when one is missing."""
    server.create("slow")
    slow = subscribe(server, "slow", websocket=False, receive_buffer=4096)
    fast = subscribe(server, "slow", websocket=False)
    deltas = SLOW_BYTES_PER_SECOND * seconds // 400
    server.send("slow", f"burst {deltas} 100")
    read_turns([fast], TIMEOUT)
    check_complete(fast, deltas)
    done = False
    while not done:
        began = time.monotonic()
        taken = 0
        while not done and taken < SLOW_BYTES_PER_SECOND:
            slow.sock.settimeout(TIMEOUT)
            data = slow.sock.recv(SLOW_BYTES_PER_SECOND - taken)
            taken += len(data)
            slow.pieces.append(data)
            done = b'"type":"turn.ended"' in b"".join(slow.pieces[-8:])
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    fast.sock.close()
    slow.sock.close()
    return check_complete(slow, deltas)


def show(results: Sequence[Throughput], delays: Sequence[Latency]) -> dict[str, float]:
    """Print the tables; returns the ratios that the project promises."""
    by_key = {(r.transport, r.sessions, r.subscribers): r for r in results}
    ratios: dict[str, float] = {}
    heads = ("sessions x subscribers", "raw trio/s", "SSE/s", "WebSocket/s", "SSE/raw", "WS/SSE")
    print("\n{:>24} {:>12} {:>12} {:>12} {:>8} {:>8}".format(*heads))
    for sessions, subscribers in TOPOLOGIES:
        raw, sse, ws = (by_key[t, sessions, subscribers].delivered_per_second for t in ("raw", "sse", "websocket"))
        topology = f"{sessions}x{subscribers}"
        ratios[f"sse_to_raw {topology}"] = sse / raw
        ratios[f"websocket_to_sse {topology}"] = ws / sse
        print(f"{topology:>24} {raw:12,.0f} {sse:12,.0f} {ws:12,.0f} {sse / raw:8.2f} {ws / sse:8.2f}")
    print(f"\n{'sessions x subscribers':>24} {'transport':>12} {'events/s':>10} {'p50 ms':>8} {'p99 ms':>8}")
    for delay in delays:
        topology = f"{delay.sessions}x{delay.subscribers}"
        print(f"{topology:>24} {delay.transport:>12} {delay.per_second:10,} {delay.p50_ms:8.2f} {delay.p99_ms:8.2f}")
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=400_000, help="events delivered in each burst, about")
    parser.add_argument("--bytes", type=int, default=400, help="characters of each delta")
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 10_000], help="events per second for latency")
    parser.add_argument("--seconds", type=int, default=5, help="how long each latency run lasts")
    parser.add_argument("--slow-seconds", type=int, default=30, help="how much the 1 kB/s reader reads")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/latest.json"))
    options = parser.parse_args()
    results: list[Throughput] = []
    delays: list[Latency] = []
    for transport in ("raw", "sse", "websocket"):
        with serving(raw=transport == "raw") as server:
            for sessions, subscribers in TOPOLOGIES:
                results.append(throughput(server, transport, sessions, subscribers, options.deliveries, options.bytes))
                print(f"{transport} {sessions}x{subscribers}: {results[-1].delivered_per_second:,.0f}/s", flush=True)
            for rate in options.rates:
                for sessions, subscribers in TOPOLOGIES:
                    name = f"latency-{transport}-{sessions}x{subscribers}-{rate}"
                    websocket = transport == "websocket"
                    delay = paced(server, name, sessions, subscribers, rate, options.seconds, websocket=websocket)
                    delays.append(Latency(transport, sessions, subscribers, rate, delay.p50_ms, delay.p99_ms))
            if transport == "sse" and options.slow_seconds:
                got = slow_reader(server, options.slow_seconds)
                print(f"a reader of 1 kB/s got all of its {got} events, in order", flush=True)
    ratios = show(results, delays)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    measured = {"throughput": [asdict(r) for r in results], "latency": [asdict(d) for d in delays], "ratios": ratios}
    options.output.write_text(json.dumps(measured, indent=2) + "\n")
    print(f"\nwritten to {options.output}; no event was lost, doubled or out of order in any run")


if __name__ == "__main__":
    main()
