"""How long creating sessions keeps the event loop from everything else: `python -m benchmarks.creation`.

A task that does nothing but come back notes when it comes back late.
"""

import argparse
import statistics
import time

import trio

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.schema.api.commands import MessageCommand
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.settings import Settings

BEAT = 0.001

IDLE = 3.0
"""Seconds in which nothing is created: how late the loop is then is the machine's doing."""


async def heartbeat(gaps: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await trio.sleep(BEAT)
        gaps.append((time.perf_counter() - began - BEAT) * 1000)


async def measure(sessions: int, at_once: int) -> None:
    gaps: list[float] = []
    daemon = Daemon(Settings(ephemeral=True, mock_step_ms=0.0))
    async with trio.open_nursery() as nursery:
        await nursery.start(daemon.run)
        nursery.start_soon(heartbeat, gaps)
        await trio.sleep(IDLE)
        report(f"idle for {IDLE:g} s, to compare with", gaps)
        gaps.clear()
        limit = trio.CapacityLimiter(at_once)

        async def create(session_id: str) -> None:
            async with limit:
                await daemon.create_session(session_id, CreateSessionRequest(agent="mock"))

        began = time.perf_counter()
        async with trio.open_nursery() as creating:
            for number in range(sessions):
                creating.start_soon(create, f"s{number}")
        seconds = time.perf_counter() - began
        report(f"create {sessions} mock sessions, {at_once} at once: {seconds:.2f} s", gaps)
        gaps.clear()
        began = time.perf_counter()
        for number in range(sessions):
            await daemon.execute(f"s{number}", MessageCommand("echo hello"))
        for number in range(sessions):
            log = await daemon.log(f"s{number}")
            while log.last < 8:
                await log.wait_beyond(log.last)
        report(f"one turn in each: {time.perf_counter() - began:.2f} s", gaps)
        gaps.clear()
        began = time.perf_counter()
        await daemon.stop()
        report(f"stop: {time.perf_counter() - began:.2f} s", gaps)
        nursery.cancel_scope.cancel()


def report(title: str, gaps: list[float]) -> None:
    """How much later than asked the heartbeat came back, in milliseconds."""
    if len(gaps) < 2:
        print(f"{title}; too short to say how late the loop was")
        return
    cuts = statistics.quantiles(gaps, n=100)
    print(f"{title}; loop late by p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, at most {max(gaps):.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    trio.run(measure, options.sessions, options.at_once)
