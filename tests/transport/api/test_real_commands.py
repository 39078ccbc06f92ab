"""Commands over real sockets, with the real daemon and the mock agent."""

import trio

from ..reading import sse
from ..serving import LIMIT
from ..subscriptions.test_turn_stream import kinds
from .test_commands import KEY, REPLAYED, S
from .test_problems import problem
from .test_real_daemon import environment, running
from .test_websocket import peer

__all__ = ["environment"]


async def test_a_prompt_an_interrupt_and_a_prompt_in_one_go(environment):
    async with running(environment) as (_, served), served.client() as client:
        await client.post(S, json={"agent": "mock"})
        async with peer(served) as socket:
            await socket.send(id="1", type="message", message="hang")
            await socket.send(id="2", type="interrupt")
            await socket.send(id="3", type="message", message="echo on")
            acks, ends = [], []
            while len(ends) < 2:
                frame = await socket.read()
                if frame["type"] == "ack":
                    acks.append(frame)
                elif frame["type"] == "turn.ended":
                    ends.append((frame["data"]["turn_id"], frame["data"]["metadata"]["outcome"]))
            assert ends == [("turn_1", "interrupted"), ("turn_2", "completed")]
            assert [ack["id"] for ack in acks] == ["1", "2", "3"]
            assert acks[1]["result"]["turnId"] == "turn_1"
            assert acks[1]["result"]["found"] in ("running", "starting")


async def test_a_prompt_that_waits_is_cancelled_and_its_stream_ends(environment):
    async with running(environment) as (_, served), served.client() as client:
        await client.post(S, json={"agent": "mock"})
        async with sse(served, f"{S}/messages/stream", method="POST", body={"message": "hang"}) as first:
            await first.take(1)
            body, key = {"message": "echo never"}, {KEY: "k"}
            async with sse(served, f"{S}/messages/stream", method="POST", headers=key, body=body) as waits:
                (queued,) = (await client.get(f"{S}/queue")).json()["queued"]
                assert queued.pop("queuedAt") > 0
                assert queued == {
                    "turnId": "turn_2",
                    "position": 1,
                    "message": "echo never",
                    "truncated": False,
                    "attachments": 0,
                }
                cancelled = await client.delete(f"{S}/queue/turn_2", headers={KEY: "c"})
                assert (cancelled.status_code, cancelled.content) == (204, b"")
                again = await client.delete(f"{S}/queue/turn_2", headers={KEY: "c"})
                assert (again.status_code, again.headers[REPLAYED]) == (204, "true")
                problem(await client.delete(f"{S}/queue/turn_2"), 404, "prompt_not_queued")
                refused = problem(await client.delete(f"{S}/queue/turn_1"), 404, "prompt_not_queued")
                assert "interrupt it" in refused["detail"]
                assert (await client.get(f"{S}/queue")).json() == {"queued": []}
                await client.post(f"{S}/interrupt")
                got = await waits.rest()
            assert kinds(got)[0] == "turn.started"
            assert got[-1].data["data"]["metadata"] == {"outcome": "interrupted"}
            async with sse(served, f"{S}/messages/stream", method="POST", headers=key, body=body) as again:
                assert [frame.data for frame in await again.rest()] == [frame.data for frame in got if frame.data]


async def test_many_repeats_at_once_are_one_prompt(environment):
    async with running(environment) as (daemon, served), served.client() as client:
        await client.post(S, json={"agent": "mock"})
        replayed = []

        async def send() -> None:
            sent = await client.post(f"{S}/messages", json={"message": "echo once"}, headers={KEY: "k"})
            assert sent.status_code == 204
            replayed.append(REPLAYED in sent.headers)

        with trio.fail_after(LIMIT):
            async with trio.open_nursery() as nursery:
                for _ in range(30):
                    nursery.start_soon(send)
        assert sorted(replayed) == [False] + [True] * 29
        log = await daemon.log("s")
        while (await daemon.session_info("s")).status != "idle":
            await trio.sleep(0.005)
        started = [e for e in (await log.read(0, 1 << 20)).events if e.type == "turn.started"]
        assert len(started) == 1
