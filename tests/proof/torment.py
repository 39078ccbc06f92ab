"""A daemon with busy clients is killed and started again, many times. What the clients saw is a history."""

import random
from collections.abc import Sequence
from pathlib import Path

import trio

from .clients import Clients
from .last_look import last_look
from .lives import Lives
from .recorder import Recorder
from .rules.history import History
from .watchers import Watchers

OPTIONS = (
    *("--mock-step-ms", "1", "--sse-keepalive", "0.3", "--interrupt-timeout", "0.5", "--agent-restarts", "1000000"),
    *("--end-eof", "0.1", "--end-interrupt", "0.1", "--end-terminate", "0.2"),
)
"""Agents crash often. That is not tested here, so no session fails because of it."""

LIFE = 0.5
"""Seconds that a daemon runs on average, from when it listens."""


async def torment(home: Path, seed: int, kills: int, failpoints: Sequence[str]) -> tuple[History, Lives]:
    """Half of the daemons are killed at a random moment, half at a failpoint if they reach it in time."""
    dice = random.Random(seed)
    lives = Lives(home, *OPTIONS)
    recorder = Recorder(home / "effects.txt")
    clients = Clients(lives, recorder, random.Random(dice.random()))
    watchers = Watchers(lives, recorder, random.Random(dice.random()), clients.sessions)
    try:
        await lives.start()
        async with trio.open_nursery() as watching, trio.open_nursery() as working:
            for _ in range(3):
                working.start_soon(clients.drive)
            for _ in range(2):
                working.start_soon(clients.decide)
            working.start_soon(clients.breed_mayflies)
            for via in ("sse", "sse", "websocket", "websocket"):
                watching.start_soon(watchers.watch_sessions, via)
            watching.start_soon(watchers.watch_feed)
            while lives.kills < kills:
                await lives.kill_after(dice.expovariate(1 / LIFE))
                while not await lives.start(_failpoint(dice, failpoints)):
                    pass
                recorder.survivors += await lives.former_gone()
            clients.stopping = watchers.stopping = True
            # The last daemon may have a failpoint.
            await lives.kill_after(0)
            await lives.start()
        history = await last_look(lives, recorder, clients)
    finally:
        await lives.clean_up()
    return history, lives


def _failpoint(dice: random.Random, failpoints: Sequence[str]) -> str:
    return f"{dice.choice(failpoints)}:{dice.randint(1, 20)}" if failpoints and dice.random() < 0.5 else ""
