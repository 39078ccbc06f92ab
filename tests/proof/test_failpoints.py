"""A kill at each failpoint, during a short run of one session: every command takes effect exactly once."""

import json
import random
from pathlib import Path

import pytest
import trio

from ..patience import PATIENCE
from .clients import Clients
from .failpoints import names
from .last_look import last_look
from .lives import Lives
from .recorder import Recorder
from .rules.checker import violations
from .torment import OPTIONS
from .wire import Gone, call


@pytest.mark.parametrize("name", names())
async def test_a_kill_at_a_named_place_loses_and_doubles_nothing(tmp_path: Path, name: str):
    lives = Lives(tmp_path, *OPTIONS)
    recorder = Recorder(tmp_path / "effects.txt")
    clients = Clients(lives, recorder, random.Random(name))
    try:
        with trio.fail_after(PATIENCE):
            assert await lives.start(f"{name}:1")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_start_again, lives)
                await _small_day(lives, clients)
                assert lives.kills == 1, f"{name} was never reached"
            history = await last_look(lives, recorder, clients)
    finally:
        await lives.clean_up()
    assert violations(history) == []


async def _start_again(lives: Lives) -> None:
    await lives.kill_after(60)
    assert await lives.start()


async def _small_day(lives: Lives, clients: Clients) -> None:
    await clients.create("s")
    clients.sessions.append("s")
    await clients.prompt("s", "permission")
    permission = await _first_permission(lives)
    if permission is not None:
        await clients.reply_permission("s", permission, "once")
    await clients.interrupt("s")
    await clients.create("t")
    await clients.delete("t")
    await clients.prompt("s", "say goodbye")


async def _first_permission(lives: Lives) -> str | None:
    """None when a death closed the turn that asks, or was before it."""
    while True:
        try:
            url = await lives.where()
            pending = json.loads((await call(url, "GET", "/v1/permissions")).body)["permissions"]
            if pending:
                return pending[0]["permission"]["permission_id"]
            events = json.loads((await call(url, "GET", "/v1/sessions/s/events")).body)["events"]
            if any(event["type"] == "turn.ended" for event in events):
                return None
        except Gone:
            pass
        await trio.sleep(0.01)
