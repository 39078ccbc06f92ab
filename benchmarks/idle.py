"""What sessions cost that nobody uses: `python -m benchmarks.idle`. Each is suspended and has one subscriber."""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from attrs import frozen

from .big_journal import write_journal
from .readers import Subscriber, subscribe
from .report import finish
from .servers import serving


@frozen
class Idle:
    """Megabytes of the daemon, and how much of one CPU it used over some seconds with everything connected."""

    sessions: int
    memory_before: float
    memory_connected: float
    cpu: float


def measure(directory: Path, sessions: int, seconds: float) -> Idle:
    with serving(data_dir=directory) as server:
        server.api.get("/v1/sessions").raise_for_status()
        before = server.memory() / 1e6
        connected: list[Subscriber] = [subscribe(server, f"s{n}", websocket=False) for n in range(1, sessions + 1)]
        time.sleep(1.0)
        cpu = server.cpu_seconds()
        time.sleep(seconds)
        cpu = (server.cpu_seconds() - cpu) / seconds
        held = server.memory() / 1e6
        for subscriber in connected:
            subscriber.sock.close()
    return Idle(sessions, before, held, cpu)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    # Ours and, as it inherits them, the daemon's.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-bench-") as made:
        write_journal(Path(made), options.sessions, 50, options.sessions + 1)
        idle = measure(Path(made), options.sessions, options.seconds)
    print(
        f"{idle.sessions} suspended sessions: {idle.memory_before:.1f} MB; with an SSE subscriber each "
        f"{idle.memory_connected:.1f} MB and {idle.cpu * 100:.1f} % of a CPU"
    )
    finish("idle", [], [idle])


if __name__ == "__main__":
    main()
