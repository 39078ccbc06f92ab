"""WebSockets: events out, commands in, and who may open one."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from trio_websocket import ConnectionClosed, wrap_client_stream
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from sandbox_agent.schema.problems import invalid_request
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.http.framing import text_frame

from ..door import Door
from ..serving import serving

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


@pytest.mark.parametrize("size", SIZES)
def test_our_frames_are_what_a_websocket_library_reads(size):
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(text_frame(b"x" * size) + text_frame(b"end"))
    got = [event for event in client.events() if isinstance(event, TextMessage)]
    assert "".join(event.data for event in got[:-1]) == "x" * size
    assert got[-1].data == "end"


@pytest.fixture
def door() -> Door:
    return Door()


class Peer:
    def __init__(self, socket) -> None:
        self.socket = socket

    async def read(self) -> dict:
        return json.loads(await self.socket.get_message())

    async def send(self, **frame) -> None:
        await self.socket.send_message(json.dumps(frame))

    async def ask(self, **frame) -> dict:
        await self.send(**frame)
        return await self.read()

    async def closed(self) -> int:
        try:
            while True:
                await self.socket.get_message()
        except ConnectionClosed as closed:
            return closed.reason.code


@asynccontextmanager
async def peer(served, path="/v1/sessions/s/ws", headers=()):
    """The stream is ours: trio-websocket leaves it open when the server closes."""
    async with await served.connect() as stream, trio.open_nursery() as nursery:
        host = f"127.0.0.1:{served.port}"
        yield Peer(await wrap_client_stream(nursery, stream, host, path, extra_headers=list(headers)))
        nursery.cancel_scope.cancel()


async def test_events_are_those_of_the_sse_stream_and_offset_is_exclusive(door: Door):
    script = door.session("s")
    script.delta(count=3, raw=b"[1]")
    async with serving(door) as served, peer(served, "/v1/sessions/s/ws?offset=log1:1&include_raw=true") as socket:
        got = [await socket.read(), await socket.read()]
        script.delta("live")
        got.append(await socket.read())
        expected = [json.loads(event.full) for event in (await script.log.read(1, 1 << 20)).events]
        assert got == expected


async def test_a_foreign_cursor_gets_a_resync_frame(door: Door):
    door.session("s").delta()
    async with serving(door) as served, peer(served, "/v1/sessions/s/ws?offset=old:7") as socket:
        note, event = await socket.read(), await socket.read()
        assert (note["type"], note["reason"], note["resumed_after"]) == ("stream.resync", "foreign", 0)
        assert event["sequence"] == 1


async def test_every_command_is_done_and_acknowledged(door: Door):
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        ack = await socket.ask(id="1", type="message", message="hi", attachments=[{"path": "/x"}])
        assert ack == {"type": "ack", "id": "1", "result": {"turnId": "turn_1"}}
        assert await socket.ask(id="2", type="permission.reply", permissionId="p", reply="always") == {
            "type": "ack",
            "id": "2",
        }
        await socket.ask(id="3", type="question.reply", questionId="q", answers=[["a", "b"]])
        await socket.ask(id="4", type="question.reject", questionId="q")
        ack = await socket.ask(id="5", type="interrupt")
        assert ack["result"] == {"interrupted": True, "found": "running", "turnId": "turn_1", "queued": 0}
        await socket.ask(id="6", type="queue.cancel", turnId="turn_7")
        assert await socket.ask(id="7", type="terminate") == {"type": "ack", "id": "7"}
    assert door.calls == [
        ("send", "s", "hi"),
        ("permission", "s", "p", "always"),
        ("question", "s", "q", (("a", "b"),)),
        ("question", "s", "q", None),
        ("interrupt", "s"),
        ("cancel", "s", "turn_7"),
        ("terminate", "s"),
    ]


@pytest.mark.parametrize(
    ("frame", "command_id", "says"),
    [
        ("{", None, "JSON"),
        ("[]", None, "object"),
        ("", None, "JSON"),
        ('{"type":"interrupt"}', None, "`id`"),
        ('{"type":"interrupt","id":7}', None, "`id`"),
        ('{"type":"interrupt","id":"a\\u0000"}', None, "printable"),
        ('{"type":"dance","id":"1"}', "1", "permission.reply"),
        ('{"id":"1"}', "1", "`type`"),
        ('{"type":"message","id":"1"}', "1", "message"),
        ('{"type":"permission.reply","id":"1","permissionId":"p","reply":"yes"}', "1", "once, always, reject"),
    ],
)
async def test_a_frame_that_is_no_command_is_told_what_is_right(door: Door, frame, command_id, says):
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        await socket.socket.send_message(frame)
        answer = await socket.read()
        assert (answer["type"], answer["id"]) == ("error", command_id)
        assert says in answer["problem"]["detail"]
        assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"


async def test_a_command_in_a_binary_frame_is_a_command(door: Door):
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        await socket.socket.send_message(b'{"id":"1","type":"interrupt"}')
        assert (await socket.read())["type"] == "ack"


async def test_a_command_that_takes_long_holds_up_later_commands_but_no_events(door: Door):
    script = door.session("s")
    door.hold = trio.Event()
    async with serving(door) as served, peer(served) as socket:
        await socket.send(id="1", type="message", message="hi")
        await socket.send(id="2", type="interrupt")
        script.delta()
        assert (await socket.read())["sequence"] == 1
        door.hold.set()
        assert [(await socket.read())["id"] for _ in range(2)] == ["1", "2"]


async def test_a_refusal_and_a_failure_of_ours_are_error_frames(door: Door):
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        door.refusal = invalid_request("unknown permission id: p")
        answer = await socket.ask(id="1", type="permission.reply", permissionId="p", reply="once")
        assert (answer["id"], answer["problem"]["status"]) == ("1", 400)
        door.refusal = RuntimeError("hunter2")
        answer = await socket.ask(id="2", type="interrupt")
        assert answer["problem"]["type"].endswith("internal_error")
        assert "hunter2" not in json.dumps(answer)


HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


async def rejected(served, path="/v1/sessions/s/ws", **headers: str) -> dict:
    async with served.client() as client:
        response = await client.get(path, headers={**HANDSHAKE, **headers})
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
        return response.json()


async def test_what_can_be_refused_is_refused_over_http(door: Door):
    door.session("s")
    async with serving(door, token="t") as served:
        good = {"Authorization": "Bearer t"}
        assert (await rejected(served, Authorization="Bearer x"))["status"] == 401
        assert (await rejected(served, "/v1/sessions/no/ws", **good))["type"].endswith("session_not_found")
        assert (await rejected(served, "/v1/sessions/s/ws?offset=x", **good))["status"] == 400
        assert (await rejected(served, "/v1/nothing", **good))["status"] == 404
        assert (await rejected(served, "/v1/health", **good))["status"] == 400
        assert (await rejected(served, **good, Origin="https://evil.example"))["status"] == 403
        async with peer(served, headers=good.items()) as socket:
            assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"


async def test_origins(door: Door):
    door.session("s")
    async with serving(door, cors=Cors(origins=("https://app.example",))) as served:
        for origin in ("https://app.example", served.url):
            async with peer(served, headers=[("Origin", origin)]) as socket:
                assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            assert (await rejected(served, Origin=origin))["status"] == 403


async def test_a_browser_sends_the_token_in_its_first_frame(door: Door):
    door.session("s").delta()
    async with serving(door, token="t") as served:
        async with peer(served) as socket:
            assert await socket.ask(type="auth", token="t", id="a") == {"type": "ack", "id": "a"}
            assert (await socket.read())["sequence"] == 1
        async with peer(served, "/v1/sessions/no/ws") as socket:
            await socket.send(type="auth", token="t")
            assert await socket.closed() == 4404


@pytest.mark.parametrize(
    "frame", ['{"type":"auth","token":"x"}', '{"type":"auth"}', '{"id":"1","type":"interrupt"}', "{"]
)
async def test_a_first_frame_without_the_token_closes(door: Door, frame):
    door.session("s").delta()
    async with serving(door, token="t") as served, peer(served) as socket:
        await socket.socket.send_message(frame)
        assert (await socket.read())["type"] == "error"
        assert await socket.closed() == 4401
    assert door.calls == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"auth","token":"marker"}',
        '{"type":"auth","token":["marker"]}',
        '{"type":"auth","token":{"marker":1}}',
        '{"type":"auth","Token":"marker"}',
        '{"type":"auth","token":"marker","id":7}',
        '{"type":"marker","token":"marker"}',
        '{"type":"auth","token":"marker"',
        "marker",
        '"marker"',
    ],
)
async def test_the_refusal_of_a_first_frame_does_not_repeat_it(door: Door, frame, capfd):
    door.session("s")
    async with serving(door, token="t") as served, peer(served) as socket:
        await socket.socket.send_message(frame)
        assert "marker" not in str(await socket.read())
        assert await socket.closed() == 4401
        assert "marker" not in str(socket.socket.closed)
    assert "marker" not in str(capfd.readouterr())


async def test_a_first_frame_that_does_not_come_closes():
    door = Door(Settings(websocket_auth_timeout=0.02))
    async with serving(door, token="t") as served, peer(served) as socket:
        assert await socket.closed() == 4401


async def test_a_message_that_is_too_large_closes():
    door = Door(Settings(max_body_bytes=1000))
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        await socket.socket.send_message("x" * 100_000)
        assert await socket.closed() == 1009


async def test_deleting_the_session_closes_after_the_last_event(door: Door):
    script = door.session("s")
    async with serving(door) as served, peer(served) as socket:
        script.session_ended()
        await door.delete_session("s")
        assert (await socket.read())["type"] == "session.ended"
        assert await socket.closed() == 1001


async def test_a_stop_closes_with_going_away(door: Door):
    door.session("s")
    async with serving(door) as served, peer(served) as socket:
        served.stop.set()
        assert await socket.closed() == 1001


async def test_the_server_pings():
    door = Door(Settings(websocket_ping=0.01))
    door.session("s")
    async with serving(door) as served, await served.connect() as stream:
        await stream.send_all(
            b"GET /v1/sessions/s/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        got = b""
        while got.count(b"\x89\x00") < 3:
            got += await stream.receive_some()
        assert b"permessage-deflate" not in got
