"""The stream of one turn: from its start to its end, whatever ran before it."""

import pytest
import trio

from sandbox_agent.schema.events import ErrorData
from sandbox_agent.schema.settings import Settings

from ..api.test_problems import problem
from ..door import Door
from ..reading import sse
from ..serving import serving

PATH = "/v1/sessions/s/messages/stream"


def kinds(frames) -> list[str]:
    return [frame.data["type"] for frame in frames if frame.data]


def ask(served):
    return sse(served, PATH, method="POST", body={"message": "hi"})


async def test_it_begins_with_its_turn_and_ends_with_it():
    door = Door()
    script = door.session("s")
    script.delta("old")
    async with serving(door) as served, ask(served) as source:
        assert source.headers["content-type"] == "text/event-stream"
        script.turn_started("turn_1")
        script.delta()
        script.turn_ended("turn_1")
        script.delta("later")
        got = await source.rest()
        assert kinds(got) == ["turn.started", "item.delta", "turn.ended"]
        assert [frame.id for frame in got] == ["log1:2", "log1:3", "log1:4"]


async def test_a_queued_prompt_skips_the_turn_before_its_own_with_its_asks_and_its_end():
    door = Door(Settings(sse_keepalive=0.02))
    script = door.session("s")
    script.turn_started("turn_0")
    async with serving(door) as served, ask(served) as source:
        script.permission_requested()
        script.turn_ended("turn_0")
        script.turn_started("turn_10")  # a longer name that begins like ours
        script.turn_ended("turn_10")
        assert (await source.take(1))[0].comment
        script.turn_started("turn_1")
        script.turn_ended("turn_1")
        assert kinds(await source.rest()) == ["turn.started", "turn.ended"]


@pytest.mark.parametrize("last", ["permission.requested", "session.ended", "error"])
async def test_it_ends_early(last):
    door = Door()
    script = door.session("s")
    async with serving(door) as served, ask(served) as source:
        script.turn_started("turn_1")
        script.say("error", ErrorData("retrying", details={"retryable": True}))
        if last == "permission.requested":
            script.permission_requested()
        elif last == "session.ended":
            script.session_ended()
        else:
            script.say("error", ErrorData("broken"), ends_stream=True)
        assert kinds(await source.rest()) == ["turn.started", "error", last]


async def test_a_session_that_ends_before_the_turn_could_start_ends_the_stream():
    door = Door()
    script = door.session("s")
    async with serving(door) as served, ask(served) as source:
        script.session_ended()
        assert kinds(await source.rest()) == ["session.ended"]


async def test_a_refused_prompt_is_a_problem_and_no_stream():
    door = Door()
    async with serving(door) as served, served.client() as client:
        problem(await client.post(PATH, json={"message": "hi"}), 404, "session_not_found")


async def test_a_turn_that_ran_away_from_a_slow_reader_says_so_and_ends():
    door = Door(Settings(log_bytes=200_000, stream_batch_bytes=10_000, socket_send_bytes=4096))
    script = door.session("s")
    async with serving(door) as served, ask(served) as source:
        script.turn_started("turn_1")
        assert kinds(await source.take(1)) == ["turn.started"]
        for _ in range(5000):
            script.delta("x" * 4000)
        await trio.lowlevel.checkpoint()
        got = await source.rest()
        assert got[-1].data["type"] == "stream.resync"
        assert got[-1].data["reason"] == "expired"
