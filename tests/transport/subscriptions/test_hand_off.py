"""From replay to live there is no gap and no duplicate, on SSE and WebSocket alike, however the timing falls."""

import json
import random

import pytest
import trio
from trio_websocket import open_websocket_url

from sandbox_agent.schema.settings import Settings

from ..door import Door
from ..reading import sse
from ..serving import serving

EVENTS = 300


async def append(script, seed: int) -> None:
    dice = random.Random(seed)
    while script.sequence < EVENTS:
        script.delta("x" * dice.choice([1, 50, 200, 70_000]), count=min(dice.randint(1, 20), EVENTS - script.sequence))
        for _ in range(dice.choice([0, 1, 5])):
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("seed", range(6))
async def test_every_reader_gets_exactly_the_suffix_that_it_asked_for(seed):
    dice = random.Random(seed)
    door = Door(Settings(stream_batch_bytes=dice.choice([1, 1000, 256 << 10])))
    script = door.session("s")
    got: dict[str, list[int]] = {}

    async def read_sse(name: str, offset: int) -> None:
        async with sse(served, f"/v1/sessions/s/events/sse?offset={offset}") as source:
            got[name] = [frame.sequence for frame in await source.take(EVENTS - offset)]

    async def read_websocket(name: str, offset: int) -> None:
        url = served.url.replace("http", "ws") + f"/v1/sessions/s/ws?offset={offset}"
        async with open_websocket_url(url) as socket:
            got[name] = [json.loads(await socket.get_message())["sequence"] for _ in range(EVENTS - offset)]

    script.delta(count=50)
    async with serving(door) as served, trio.open_nursery() as nursery:
        nursery.start_soon(append, script, seed)
        for number in range(4):
            read = dice.choice([read_sse, read_websocket])
            nursery.start_soon(read, f"{number}", dice.choice([0, 10, 50]))
            for _ in range(dice.randint(0, 10)):
                await trio.lowlevel.checkpoint()
    for sequences in got.values():
        assert sequences == list(range(sequences[0], EVENTS + 1))
    assert len(got) == 4
