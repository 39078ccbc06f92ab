"""Readers of a real daemon that are slow, stuck or disconnected in the middle of a frame, and many that come and go."""

import json
import os
import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import frozen

from ..patience import PATIENCE
from .last_look import read_all
from .lives import Lives
from .recorder import Recorder, Watching
from .rules.history import Frame, History
from .rules.log_rules import broken_in_log
from .rules.stream_rules import broken_in_streams
from .torment import OPTIONS
from .watchers import FAR
from .wire import Sse, call, reset, sse

EVENTS = 3000
RECONNECTS = int(os.environ.get("SANDBOX_AGENT_RECONNECTS", "500"))
"""`make kill-test` has 5000."""


@frozen
class Stage:
    """A session ``s`` whose log is long, and grows on command."""

    lives: Lives
    recorder: Recorder

    async def burst(self, count: int, size: int = 200) -> None:
        body = {"message": f"burst {count} {size}"}
        assert (await call(self.lives.url, "POST", "/v1/sessions/s/messages", body)).status == 204

    async def info(self) -> dict[str, object]:
        return json.loads((await call(self.lives.url, "GET", "/v1/sessions/s")).body)

    async def over(self) -> int:
        """Waits for the turn's end; returns the last position then."""
        while (info := await self.info())["status"] != "idle":
            await trio.sleep(0.02)
        return int(str(info["eventCount"]))

    async def check(self) -> None:
        kept = await read_all(self.lives, self.recorder, await self.info())
        history = History(streams=self.recorder.streams, logs=[kept])
        assert [*broken_in_streams(history), *broken_in_log(kept.events)] == []

    def sockets(self) -> int:
        """Descriptors of the daemon, without files: those are the journal's, and are opened when first needed."""
        return sum(
            str(link).startswith("socket:")
            for path in Path(f"/proc/{self.lives.process.pid}/fd").iterdir()
            for link in readlink(path)
        )

    def memory(self) -> int:
        """Private bytes of the daemon."""
        lines = Path(f"/proc/{self.lives.process.pid}/smaps_rollup").read_text().splitlines()
        return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[Stage]:
    lives = Lives(tmp_path, *OPTIONS, "--tail-bytes", "300000", "--socket-send-bytes", "16384", forked=False)
    try:
        with trio.fail_after(3 * PATIENCE):
            await lives.start()
            await call(lives.url, "POST", "/v1/sessions/s", {"agent": "mock"})
            yield Stage(lives, Recorder(tmp_path / "effects.txt"))
            await lives.stop()
    finally:
        await lives.clean_up()


def readlink(path: Path) -> list[Path]:
    """What it is a link to; nothing when it is gone."""
    try:
        return [path.readlink()]
    except FileNotFoundError:
        return []


@asynccontextmanager
async def reader(
    stage: Stage, after: int = 0, receive_bytes: int | None = None
) -> AsyncGenerator[tuple[Sse, Watching]]:
    with stage.recorder.watch("s", "sse", after, None) as watching:
        async with sse(stage.lives.url, f"/v1/sessions/s/events/sse?offset={after}", {}, receive_bytes) as source:
            yield source, watching


async def read(source: Sse, watching: Watching, until: int | None = None) -> None:
    """Up to a position, or for ever."""
    while until is None or not watching.heard or watching.heard[-1].position < until:
        heard = await source.next()
        watching.log_id = source.log_id
        if heard is not None:
            watching.heard.append(heard)


async def test_a_reader_of_a_kilobyte_a_second_gets_everything_in_the_end(stage: Stage):
    async with reader(stage, receive_bytes=4096) as (slow, its), reader(stage) as (fast, others):
        await stage.burst(EVENTS)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, fast, others, EVENTS)
            for _ in range(4):
                await slow.trickle(1000)
                await trio.sleep(1)
        assert others.heard[-1].position >= EVENTS
        assert len(its.heard) < EVENTS / 100
        await read(slow, its, await stage.over())
    await stage.check()


async def test_readers_that_never_read_cost_little_and_delay_nobody(stage: Stage):
    await stage.burst(10)
    await stage.over()
    async with AsyncExitStack() as stack:
        for _ in range(30):
            await stack.enter_async_context(reader(stage, receive_bytes=4096))
        source, watching = await stack.enter_async_context(reader(stage))
        before = stage.memory()
        await stage.burst(2 * EVENTS)
        await read(source, watching, 2 * EVENTS)
        last = await stage.over()
        await read(source, watching, last)
        # The burst is 3 MB for each of them; what the daemon holds for itself is bounded by its settings.
        assert stage.memory() - before < 30 * (1 << 20)
    await stage.check()


async def test_thousands_of_readers_come_and_go_at_random_cursors(stage: Stage):
    await stage.burst(EVENTS)
    last = await stage.over()
    sockets = stage.sockets()
    dice = random.Random(7)

    async def come_and_go(count: int) -> None:
        for _ in range(count):
            async with reader(stage, dice.choice([*[dice.randint(0, last)] * 9, FAR])) as (source, watching):
                with trio.move_on_after(dice.choice([0.0, 0.01, 0.05])):
                    await read(source, watching)
                reset(source.stream)  # mostly in the middle of a frame

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(come_and_go, RECONNECTS // 10)
        await stage.burst(500)
    await stage.over()
    while stage.sockets() > sockets:
        await trio.sleep(0.05)
    assert sum(isinstance(frame, Frame) for stream in stage.recorder.streams for frame in stream.frames) > RECONNECTS
    await stage.check()
