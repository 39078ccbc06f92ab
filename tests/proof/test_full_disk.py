"""A full disk corrupts nothing and acknowledges nothing. Work resumes when there is room."""

import json
import random
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from sandbox_agent.schema.settings import Settings

from ..patience import PATIENCE, SLOWNESS
from .clients import Clients
from .full_disk import Disk, ways
from .last_look import last_look
from .lives import Lives
from .recorder import Recorder
from .rules.checker import violations
from .torment import OPTIONS
from .watchers import Watchers
from .wire import call

WAYS = ways(Path(tempfile.mkdtemp()) / "probe")


class Scene:
    def __init__(self, lives: Lives, disk: Disk) -> None:
        dice = random.Random(1)
        self.lives = lives
        self.disk = disk
        self.recorder = Recorder(lives.home / "effects.txt")
        self.clients = Clients(lives, self.recorder, dice)
        self.watchers = Watchers(lives, self.recorder, dice, self.clients.sessions)

    def fill(self) -> None:
        self.disk.fill(self.lives.process.pid)

    def free(self) -> None:
        self.disk.free(self.lives.process.pid)

    async def get(self, path: str) -> tuple[int | None, Any]:
        answer = await call(await self.lives.where(), "GET", path)
        return answer.status, json.loads(answer.body)

    async def until_health(self, status: int) -> Any:
        while (found := await self.get("/v1/health"))[0] != status:
            await trio.sleep(0.02)
        return found[1]

    async def create(self, session: str) -> None:
        await self.clients.create(session)
        self.clients.sessions.append(session)


@asynccontextmanager
async def scene(way: Callable[[Path], AbstractContextManager[Disk]], home: Path) -> AsyncGenerator[Scene]:
    lives = Lives(home, *OPTIONS, "--journal-retry", "0.1")
    with way(lives.data) as disk, trio.fail_after(3 * PATIENCE):
        try:
            await lives.start()
            yield Scene(lives, disk)
        finally:
            await lives.clean_up()


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_acknowledged_while_the_disk_is_full_and_work_goes_on_after(tmp_path: Path, way: Any):
    async with scene(way, tmp_path) as s:
        await s.create("s")
        await s.clients.prompt("s", "say before")
        s.fill()
        async with trio.open_nursery() as nursery:
            # It repeats itself until it is answered, and that is when there is room again.
            nursery.start_soon(s.clients.prompt, "s", "say in between")
            health = await s.until_health(503)
            assert health["status"] == "degraded"
            for key in ("a", "b"):
                with trio.fail_after(Settings().journal_patience + SLOWNESS):
                    refused = await call(
                        await s.lives.where(), "POST", "/v1/sessions/s/messages", {"message": "no"}, key
                    )
                assert refused.status == 503, refused
                assert "retryAfter" in json.loads(refused.body)
            refused = await call(await s.lives.where(), "POST", "/v1/sessions/t", {"agent": "mock"})
            assert refused.status == 503, refused
            assert (await s.get("/v1/sessions/s/events"))[0] == 200
            s.free()
            await s.until_health(200)
        await s.clients.prompt("s", "say after")
        assert violations(await last_look(s.lives, s.recorder, s.clients)) == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_stop_while_the_disk_is_full_is_in_time_and_what_was_visible_is_there_again(tmp_path: Path, way: Any):
    async with scene(way, tmp_path) as s, trio.open_nursery() as nursery:
        nursery.start_soon(s.watchers.watch_sessions, "sse")
        nursery.start_soon(s.watchers.watch_sessions, "websocket")
        for session in ("s", "t"):
            await s.create(session)
            await s.clients.prompt(session, f"pace 100000 200 {20 + len(s.clients.sessions)}")
        while not all(s.recorder.seen[session] > 50 for session in ("s", "t")):
            await trio.sleep(0.01)
        s.fill()
        await s.until_health(503)
        await s.lives.stop()
        assert await s.lives.former_gone() == []
        s.disk.free(0)
        await s.lives.start()
        s.watchers.stopping = True
        assert violations(await last_look(s.lives, s.recorder, s.clients)) == []


@pytest.mark.parametrize("way", WAYS)
async def test_busy_clients_do_not_notice_more_than_refusals(tmp_path: Path, way: Any):
    """The disk is full again and again; a kill in the middle of that loses nothing either."""
    async with scene(way, tmp_path) as s:
        async with trio.open_nursery() as nursery:
            for work in (s.clients.drive, s.clients.drive, s.clients.decide, s.watchers.watch_feed):
                nursery.start_soon(work)
            nursery.start_soon(s.watchers.watch_sessions, "sse")
            for number in range(6):
                await trio.sleep(0.3)
                s.fill()
                await trio.sleep(0.3)
                if number == 3:
                    await s.lives.kill_after(0)
                    s.disk.free(0)
                    await s.lives.start()
                else:
                    s.free()
            s.clients.stopping = s.watchers.stopping = True
        await s.until_health(200)
        assert violations(await last_look(s.lives, s.recorder, s.clients)) == []
