"""Interrupted restores: sessions are killed during a turn, and then several starts are ended early by a signal."""

import json
import random
import signal
from pathlib import Path

import trio

from ..patience import PATIENCE
from .clients import Clients
from .last_look import last_look
from .lives import Lives
from .recorder import Recorder
from .rules.history import History
from .torment import OPTIONS
from .watchers import Watchers
from .wire import call

SESSIONS = 12
"""All of them restore at once."""

CUTS = 3
"""Starts in a row that are cut short, before one may finish."""

READY = 0.02
"""Seconds from when a daemon listens to a signal, on average: its sessions restore meanwhile."""

PLACES = ("session.restoring", "session.restored")


async def cut_restores_short(home: Path, seed: int, kills: int) -> tuple[History, Lives]:
    """At least so many starts are ended early. In each round every session is in a turn, every other session has a
    prompt that waits, and the daemon is killed; then starts are ended early by SIGTERM and SIGKILL."""
    dice = random.Random(seed)
    lives = Lives(home, *OPTIONS)
    recorder = Recorder(home / "effects.txt")
    clients = Clients(lives, recorder, random.Random(dice.random()))
    watchers = Watchers(lives, recorder, random.Random(dice.random()), clients.sessions)
    try:
        await lives.start()
        async with trio.open_nursery() as watching:
            watching.start_soon(watchers.watch_sessions, "sse")
            watching.start_soon(watchers.watch_feed)
            await _create_all(clients)
            ended = rounds = 0
            while ended < kills:
                rounds += 1
                await _keep_busy(lives, clients, rounds)
                await lives.kill_after(dice.expovariate(1 / READY))
                for _ in range(CUTS):
                    await _cut(lives, dice)
                while not await lives.start():
                    pass
                recorder.survivors += await lives.former_gone()
                ended += 1 + CUTS
            watchers.stopping = True
        history = await last_look(lives, recorder, clients)
    finally:
        await lives.clean_up()
    return history, lives


async def _cut(lives: Lives, dice: random.Random) -> None:
    number = dice.choice([signal.SIGTERM, signal.SIGKILL])
    if dice.random() < 0.5:
        name = number.name.removeprefix("SIG")
        await lives.cut_short(number, f"{dice.choice(PLACES)}:{dice.randint(1, SESSIONS)}:{name}")
    else:
        await lives.cut_short(number, after=dice.expovariate(1 / READY))


async def _keep_busy(lives: Lives, clients: Clients, number: int) -> None:
    """Returns when every session is in a turn that only a kill ends."""
    sessions = list(enumerate(clients.sessions))
    async with trio.open_nursery() as nursery:
        for index, session in sessions:
            nursery.start_soon(clients.prompt, session, f"sleep {1000 * number + index}")
    url = await lives.where()
    with trio.fail_after(PATIENCE):
        while not await _in_a_turn(url, len(sessions)):
            await trio.sleep(0.02)
    async with trio.open_nursery() as nursery:
        for index, session in sessions[::2]:
            nursery.start_soon(clients.prompt, session, f"say {1000 * number + index}")


async def _in_a_turn(url: str, count: int) -> bool:
    """Each of so many sessions runs the last prompt that it got: prompts that waited were run."""
    answer = await call(url, "GET", "/v1/sessions")
    states = [(info["status"], info["queued"]) for info in json.loads(answer.body)["sessions"]]
    return states == [("running", 0)] * count


async def _create_all(clients: Clients) -> None:
    sessions = [f"restored-{number}" for number in range(SESSIONS)]
    async with trio.open_nursery() as nursery:
        for session in sessions:
            nursery.start_soon(clients.create, session)
    clients.sessions += sessions
