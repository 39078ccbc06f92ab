"""The end comes within its time, whatever clients do; and a client that is merely slow loses nothing."""

import json
import re
from contextlib import suppress

import h11
import pytest
import trio
import trio.testing
from trio_websocket import open_websocket_url

from sandbox_agent.actors.journal.event_log import Batch, EventLog
from sandbox_agent.schema.settings import Settings

from ..door import Door
from ..reading import sse, unread
from ..serving import serving

SSE = "/v1/sessions/s/events/sse"


async def wait_until(condition) -> None:
    while not condition():
        await trio.sleep(0.002)


async def ended(served) -> None:
    """From the stop to the return of ``serve_daemon``."""
    served.stop.set()
    await wait_until(lambda: not served.nursery.child_tasks)


async def stuck() -> None:
    """Until the server waits in a write: both kernels' buffers are full, and nothing of it can run."""
    await trio.testing.wait_all_tasks_blocked(0.05)


def unhurried(**settings) -> Settings:
    """Whoever waits for the drain waits for an hour, and the test fails."""
    return Settings(drain_timeout=3600, loop_check_interval=0, **settings)


async def test_a_stop_with_nothing_open_waits_for_nothing():
    async with serving(Door(unhurried())) as served:
        await ended(served)


async def test_a_stop_ends_streams_properly_after_what_their_logs_hold():
    door = Door(unhurried())
    script = door.session("s")
    async with serving(door) as served, sse(served, SSE) as source:
        script.delta(count=3)
        await ended(served)
        assert [frame.sequence for frame in await source.rest()] == [1, 2, 3]


async def test_closing_the_logs_first_lets_the_last_events_through():
    door = Door()
    script = door.session("s")
    async with serving(door) as served, sse(served, SSE) as source:
        script.session_ended()
        door.close()
        assert [frame.data["type"] for frame in await source.rest()] == ["session.ended"]


async def test_an_idle_connection_does_not_hold_up_a_stop():
    async with serving(Door(unhurried())) as served, served.client() as client:
        await client.get("/v1/health")
        async with await served.connect():
            await ended(served)


@pytest.mark.parametrize("path", [SSE, "/v1/sessions/s/events"])
async def test_a_reader_that_is_stuck_does_not_hold_up_a_stop(path):
    door = Door(Settings(drain_timeout=0.1, loop_check_interval=0, log_bytes=64 << 20))
    script = door.session("s")
    script.delta("x" * 100_000, count=300)
    async with serving(door) as served, await unread(served, path):
        await stuck()
        before = trio.current_time()
        await ended(served)
        assert trio.current_time() - before >= 0.1


async def test_a_stuck_websocket_does_not_hold_up_a_stop():
    door = Door(Settings(drain_timeout=0.1, loop_check_interval=0, websocket_ping=0))
    script = door.session("s")
    script.delta("x" * 100_000, count=300)
    async with serving(door) as served, trio.open_nursery() as nursery:
        async with await served.connect() as stream:
            await stream.send_all(
                b"GET /v1/sessions/s/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await stuck()
            await ended(served)
        nursery.cancel_scope.cancel()


async def test_a_request_in_flight_is_answered_before_the_stop():
    door = Door(unhurried())
    door.session("s")
    door.hold = trio.Event()
    async with serving(door) as served, served.client() as client, trio.open_nursery() as nursery:
        answers = []

        async def post() -> None:
            answers.append(await client.post("/v1/sessions/s/terminate"))

        nursery.start_soon(post)
        await wait_until(lambda: door.calls)
        served.stop.set()
        await trio.sleep(0.01)
        door.hold.set()
        await wait_until(lambda: answers)
        assert answers[0].status_code == 204
        await ended(served)


async def test_cancelling_the_server_waits_for_no_reader():
    door = Door(unhurried())
    door.session("s").delta("x" * 100_000, count=300)
    async with serving(door) as served, await unread(served, SSE):
        await stuck()
        served.nursery.cancel_scope.cancel()


async def test_a_reader_without_progress_is_cut_off_and_the_others_do_not_notice(capsys):
    door = Door(Settings(stalled_write_timeout=2, socket_send_bytes=4096))
    script = door.session("s")
    script.delta("x" * 10_000, count=200)
    async with serving(door) as served, await unread(served, SSE, receive_bytes=4096) as stuck:
        async with sse(served, SSE) as source:
            got = await source.take(200)
            assert [frame.sequence for frame in got] == list(range(1, 201))
        told = ""
        while "connection.stalled" not in told:
            await trio.sleep(0.01)
            told += capsys.readouterr().out
        with suppress(trio.BrokenResourceError):
            got = b"".join([chunk async for chunk in stuck])
            assert not got.endswith(b"0\r\n\r\n")  # an end, but not the proper end of the response


async def test_a_slow_reader_gets_everything_although_it_needs_longer_than_the_timeout():
    door = Door(Settings(stalled_write_timeout=2, socket_send_bytes=4096))
    script = door.session("s")
    script.delta("x" * 1000, count=60)
    async with serving(door) as served, await unread(served, SSE, receive_bytes=4096) as slow:
        got = b""
        began = trio.current_time()
        while b'"sequence":60,' not in got:
            got += await slow.receive_some(1000)
            await trio.sleep(0.04)
        assert trio.current_time() - began > door.settings.stalled_write_timeout
        assert [int(n) for n in re.findall(rb'"sequence":(\d+)', got)] == list(range(1, 61))


async def test_a_client_that_says_nothing_is_closed():
    async with serving(Door(Settings(keep_alive_timeout=0.05))) as served:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
            async with await served.connect() as stream:
                if said:
                    await stream.send_all(said)
                assert await stream.receive_some() == b""


async def test_a_client_that_stops_in_the_middle_of_a_body_is_told():
    door = Door(Settings(body_timeout=0.05))
    door.session("s")
    async with serving(door) as served, await served.connect() as stream:
        head = b"POST /v1/sessions/s/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        await stream.send_all(head + b"Content-Length: 100\r\n\r\n{")
        answer = b"".join([chunk async for chunk in stream])
        assert answer.startswith(b"HTTP/1.1 408")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"].endswith("timeout")


async def test_clients_that_vanish_leave_nothing_behind():
    door = Door()
    script = door.session("s")
    async with serving(door) as served:
        for _ in range(20):
            stream = await unread(served, SSE)
            await stream.receive_some(1)
            await stream.aclose()
            url = served.url.replace("http", "ws") + "/v1/sessions/s/ws"
            async with open_websocket_url(url):
                script.delta("x" * 10_000)
        script.delta(count=3)
        await wait_until(lambda: script.log.statistics()["waiting_readers"] == 0)


async def test_requests_on_one_connection_are_answered_in_order():
    async with serving(Door()) as served, await served.connect() as stream:
        get = b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
        await stream.send_all(
            get % (b"/v1/health", b"") + get % (b"/v1/none", b"") + get % (b"/", b"Connection: close\r\n")
        )
        answer = b"".join([chunk async for chunk in stream])
        assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404", b"200"]


async def test_a_failure_in_the_middle_of_a_stream_ends_that_connection_and_no_other(capsys):
    class BrokenLog(EventLog):
        async def read(self, after: int, max_bytes: int, *, raw: bool = True, told: int = 0) -> Batch:
            if after >= 2:
                raise RuntimeError("broken")
            return await super().read(after, max_bytes, raw=raw, told=told)

    door = Door()
    script = door.session("s")
    script.log = BrokenLog("log", 1 << 20)
    script.delta(count=2)
    async with serving(door) as served, served.client() as client, sse(served, SSE) as source:
        await source.take(2)
        script.delta()
        with pytest.raises(h11.RemoteProtocolError):
            await source.rest()
        assert (await client.get("/v1/health")).status_code == 200
    assert "RuntimeError('broken')" in capsys.readouterr().out
