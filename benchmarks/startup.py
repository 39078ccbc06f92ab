"""How long a start takes with a full journal, also after a kill: `python -m benchmarks.startup`.

The bounds are told for 1,000 sessions with 1,000 events each.
"""

import argparse
import shutil
import signal
import tempfile
import time
from pathlib import Path

import httpx
from attrs import frozen

from .big_journal import DELTAS, write_journal
from .report import Bound, finish
from .servers import Server, launch, ready

HEALTHY = 2.0
LISTED = 1.0
INTERRUPTED = 20
"""Every so-many-th session was in the middle of a turn."""


@frozen
class Start:
    """Seconds: until healthy since the process was started, the first list's answer since it was asked for, and since
    the start until every session had closed what its former life left open. ``cpu`` is what the daemon had used of a
    CPU when it was healthy, ``memory`` in bytes in the end."""

    after: str
    healthy: float
    listed: float
    settled: float
    cpu: float
    memory: int


def start(directory: Path, after: str, sessions: int, events: int, *, how: signal.Signals) -> Start:
    """One start on the journal in ``directory``, ended by ``how``."""
    began = time.perf_counter()
    process, token = launch(directory)
    with process, ready(process, token) as server:
        try:
            server.api.get("/v1/health").raise_for_status()
            healthy, cpu = time.perf_counter() - began, server.cpu_seconds()
            asked = time.perf_counter()
            answer = server.api.get("/v1/sessions")
            listed = time.perf_counter() - asked
            _check_list(answer, sessions, events)
            settled = _wait_until_settled(server, sessions, events) - began
            _check_events(server, sessions, events)
            return Start(after, healthy, listed, settled, cpu, server.memory())
        finally:
            process.send_signal(how)


def _check_list(answer: httpx.Response, sessions: int, events: int) -> None:
    infos = answer.raise_for_status().json()["sessions"]
    assert len(infos) == sessions, f"{len(infos)} sessions are listed instead of {sessions}"
    short = [info["sessionId"] for info in infos if info["eventCount"] < events - 2]
    assert not short, f"events are missing in {short}"


def _wait_until_settled(server: Server, sessions: int, events: int) -> float:
    """Interrupted turns lack their item's and their own end, which the start writes, with what it says of it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        infos = server.api.get("/v1/sessions").json()["sessions"]
        if all(info["eventCount"] >= events for info in infos):
            return time.perf_counter()
        time.sleep(0.02)
    raise TimeoutError("the interrupted turns were not closed within 60 s")


def _check_events(server: Server, sessions: int, events: int) -> None:
    """A session that was interrupted, whole."""
    session_id = f"s{sessions // INTERRUPTED * INTERRUPTED}"
    sequences: list[int] = []
    kinds: list[str] = []
    while True:
        answer = server.api.get(f"/v1/sessions/{session_id}/events", params={"offset": len(sequences), "limit": 500})
        page = answer.raise_for_status().json()
        sequences += [event["sequence"] for event in page["events"]]
        kinds += [event["type"] for event in page["events"]]
        if not page["hasMore"]:
            break
    assert sequences == list(range(1, len(sequences) + 1)), f"{session_id} has gaps"
    assert kinds.count("turn.started") == kinds.count("turn.ended") == events // (DELTAS + 4)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1000, help="in each session")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results: list[Start] = []
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-bench-") as made:
        full = Path(made, "full")
        began = time.perf_counter()
        write_journal(full, options.sessions, options.events, INTERRUPTED)
        size = sum(path.stat().st_size for path in full.iterdir()) / 1e6
        took = time.perf_counter() - began
        print(f"{options.sessions} sessions of {options.events} events, {size:,.0f} MB, made in {took:.0f} s")
        print(
            f"\n{'a start after':>20} {'healthy s':>10} {'list s':>8} {'settled s':>10} {'CPU s':>8} {'memory MB':>10}"
        )
        for number in range(options.rounds):
            # Each round begins with the interrupted turns; the second start finds what a kill left, WAL and all.
            directory = Path(made, f"round-{number}")
            shutil.copytree(full, directory)
            for after in ("interrupted turns", "SIGKILL"):
                found = start(directory, after, options.sessions, options.events, how=signal.SIGKILL)
                results.append(found)
                row = f"{found.after:>20} {found.healthy:10.2f} {found.listed:8.2f} {found.settled:10.2f}"
                print(f"{row} {found.cpu:8.2f} {found.memory / 1e6:10.1f}")
            shutil.rmtree(directory)
    healthy, listed = max(found.healthy for found in results), max(found.listed for found in results)
    finish("startup", [Bound("healthy", healthy, HEALTHY, "s"), Bound("session list", listed, LISTED, "s")], results)


if __name__ == "__main__":
    main()
