"""HTTP as no client library speaks it: encoded bodies, expectations, half-closed connections, other versions."""

import json

import pytest
import trio
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded

from sandbox_agent.schema.settings import Settings

from ..door import Door
from ..raw import HANDSHAKE, Raw, raw
from ..serving import serving

TOKEN = b"Authorization: Bearer t\r\n"
MESSAGE = b'{"message":"hi"}'


def post(head: bytes = b"", path: bytes = b"/v1/sessions/s/messages", length: int = len(MESSAGE)) -> bytes:
    """A head, without its body."""
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    ) % (path, length, head)


def get(path: bytes, head: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path, head)


@pytest.fixture
def door() -> Door:
    door = Door()
    door.session("s")
    return door


def problem(answer: bytes) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    return json.loads(body)


async def head_of(client: Raw) -> bytes:
    return (await client.until(b"\r\n\r\n")).lower()


# Encodings.


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate", b"zstd", b"x-gzip", b"identity, gzip", b"nonsense"])
async def test_an_encoded_body_is_a_415_that_names_what_is_accepted(door: Door, coding):
    async with serving(door) as served, raw(served) as client:
        await client.send(post(b"Content-Encoding: " + coding + b"\r\nConnection: close\r\n") + MESSAGE)
        answer = await client.all()
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b"\r\naccept-encoding: identity\r\n" in answer.lower()
        assert "identity" in problem(answer)["detail"]
        assert coding.decode() in problem(answer)["detail"]
    assert door.calls == []


# Bodies that nobody waits for.


@pytest.mark.parametrize("path", [b"/v1/sessions/s/interrupt", b"/v1/sessions/unknown/interrupt", b"/v1/nothing"])
async def test_an_answer_that_comes_before_the_body_says_that_the_connection_ends(door: Door, path: bytes):
    """A client that keeps the connection would send its next request, and lose it."""
    async with serving(door) as served, raw(served) as client:
        await client.send(post(path=path))
        assert b"\r\nconnection: close\r\n" in await head_of(client)
        await client.send(MESSAGE)  # too late, and no fault of the client
        await client.all()


async def test_an_answer_that_comes_after_the_body_keeps_the_connection(door: Door):
    async with serving(door) as served, raw(served) as client:
        for _ in range(2):
            await client.send(post(path=b"/v1/nothing") + MESSAGE)
            head = await head_of(client)
            assert b"connection: close" not in head
            await client.take(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


async def test_an_encoding_in_a_header_of_its_own_is_refused_too(door: Door):
    codings = b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"
    async with serving(door) as served, raw(served) as client:
        await client.send(post(codings + b"Connection: close\r\n") + MESSAGE)
        answer = await client.all()
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert "identity, gzip" in problem(answer)["detail"]
    assert door.calls == []


@pytest.mark.parametrize("coding", [b"identity", b"Identity", b""])
async def test_a_body_that_says_that_it_is_not_encoded_is_read(door: Door, coding):
    async with serving(door) as served, raw(served) as client:
        await client.send(post(b"Content-Encoding: " + coding + b"\r\nConnection: close\r\n") + MESSAGE)
        assert (await client.all()).startswith(b"HTTP/1.1 204 ")
    assert door.calls == [("send", "s", "hi")]


# Nesting.


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[" * 900 + b"]" * 900, b'{"message":' + b"[" * 200 + b"]" * 200 + b"}"]
)
async def test_a_body_that_is_nested_too_deep_is_a_400(door: Door, body):
    async with serving(door) as served, raw(served) as client:
        await client.send(post(b"Connection: close\r\n", length=len(body)) + body)
        answer = await client.all()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert "nested more than 128 deep" in problem(answer)["detail"]
    assert door.calls == []


# Expectations.

EXPECT = b"Expect: 100-continue\r\n"


@pytest.mark.parametrize("authorization", [b"", b"Authorization: Bearer wrong\r\n"])
async def test_who_has_no_token_is_not_asked_for_the_body(door: Door, authorization):
    async with serving(door, token="t") as served, raw(served) as client:
        await client.send(post(EXPECT + authorization))
        head = await head_of(client)
        assert head.startswith(b"http/1.1 401 ")
        assert b"connection: close" in head
        rest = await client.all()
        assert b"HTTP/1.1" not in rest
        assert json.loads(rest)["status"] == 401


REFUSED = {
    "a body over the limit": (post(EXPECT + TOKEN, length=100_000_000), b"413"),
    "an unknown path": (post(EXPECT + TOKEN, path=b"/v1/nothing"), b"404"),
    "a wrong method": (post(EXPECT + TOKEN, path=b"/v1/agents"), b"405"),
    "an encoded body": (post(EXPECT + TOKEN + b"Content-Encoding: gzip\r\n"), b"415"),
    "another type": (post(EXPECT + TOKEN).replace(b"application/json", b"text/plain"), b"415"),
    "another expectation": (post(b"Expect: a-miracle\r\n" + TOKEN), b"417"),
    "more than one expectation": (post(b"Expect: 100-continue, a-miracle\r\n" + TOKEN), b"417"),
    "an expectation in a header of its own": (post(EXPECT + b"Expect: a-miracle\r\n" + TOKEN), b"417"),
    "another expectation of a WebSocket": (HANDSHAKE.replace(b"\r\n\r\n", b"\r\nExpect: a-miracle\r\n\r\n"), b"417"),
    "a body over the limit without a token": (post(EXPECT, length=100_000_000), b"401"),
}


@pytest.mark.parametrize(("request_head", "status"), REFUSED.values(), ids=list(REFUSED))
async def test_what_is_refused_is_refused_before_the_body_is_asked_for(door: Door, request_head, status):
    async with serving(door, token="t") as served, raw(served) as client:
        await client.send(request_head)
        assert (await head_of(client)).startswith(b"http/1.1 " + status)
        assert b"HTTP/1.1" not in await client.all()
    assert door.calls == []


async def test_who_may_send_is_asked_for_the_body_and_the_connection_goes_on(door: Door):
    async with serving(door, token="t") as served, raw(served) as client:
        for _ in range(2):
            await client.send(post(EXPECT + TOKEN))
            assert (await head_of(client)).startswith(b"http/1.1 100 ")
            await client.send(MESSAGE)
            head = await head_of(client)
            assert head.startswith(b"http/1.1 204 ")
            assert b"connection: close" not in head
    assert door.calls == [("send", "s", "hi")] * 2


async def test_a_body_that_comes_unasked_is_taken(door: Door):
    async with serving(door, token="t") as served, raw(served) as client:
        await client.send(post(EXPECT + TOKEN + b"Connection: close\r\n") + MESSAGE)
        assert b"HTTP/1.1 204 " in await client.all()


# Half-closed connections.


@pytest.mark.parametrize(
    "request_bytes", [get(b"/v1/health"), post() + MESSAGE, get(b"/v1/health") + get(b"/v1/agents")]
)
async def test_a_client_that_closes_its_side_gets_its_answer(door: Door, request_bytes):
    async with serving(door) as served, raw(served) as client:
        await client.send(request_bytes)
        await client.stream.send_eof()
        answer = await client.all()
        assert answer.count(b"HTTP/1.1 20") == request_bytes.count(b"HTTP/1.1")
        assert answer.count(b"HTTP/1.1") == request_bytes.count(b"HTTP/1.1")


async def test_an_answer_that_takes_long_comes_also_to_a_half_closed_client():
    door = Door(Settings(half_closed_probe=0.05, sse_keepalive=0.05))
    door.session("s")
    door.hold = trio.Event()
    async with serving(door) as served, raw(served) as client:
        await client.send(post() + MESSAGE)
        await client.stream.send_eof()
        for _ in range(3):  # we are asked whether we are there
            assert (await head_of(client)).startswith(b"http/1.1 102 ")
        door.hold.set()
        assert b"HTTP/1.1 204 " in await client.all()


async def test_a_request_of_which_a_half_is_missing_is_not_waited_for(door: Door):
    async with serving(door) as served, raw(served) as client:
        await client.send(post() + MESSAGE[:4])
        await client.stream.send_eof()
        answer = await client.all()
        assert b"HTTP/1.1 204" not in answer
    assert door.calls == []


async def closed_in_log(capsys: pytest.CaptureFixture[str], path: str) -> None:
    """The line of the access log is written when the stream ends."""
    said = ""
    while f"path={path}" not in (said := said + capsys.readouterr().out):
        await trio.sleep(0.01)


async def test_a_half_closed_stream_goes_on_until_its_client_is_gone(door: Door, capsys):
    script = door.session("s2")
    async with serving(door) as served:
        async with raw(served) as client:
            await client.send(get(b"/v1/sessions/s2/events/sse"))
            await head_of(client)
            await client.stream.send_eof()
            for text in ("one", "two", "three"):
                script.delta(text)
                await client.until(text.encode())
        # It has closed the other side too, which nobody is told of before the next event.
        assert "events/sse" not in capsys.readouterr().out
        script.delta("four")
        await closed_in_log(capsys, "/v1/sessions/s2/events/sse")


async def test_a_stream_whose_client_leaves_ends_though_nothing_happens(door: Door, capsys):
    async with serving(door) as served:
        async with raw(served) as client:
            await client.send(get(b"/v1/sessions/s/events/sse"))
            await head_of(client)
        await closed_in_log(capsys, "/v1/sessions/s/events/sse")


async def test_a_command_whose_client_is_gone_is_not_answered_for_ever(capsys):
    door = Door(Settings(half_closed_probe=0.05))
    door.session("s")
    door.hold = trio.Event()
    async with serving(door) as served:
        async with raw(served) as client:
            await client.send(post() + MESSAGE)
            while not door.calls:
                await trio.sleep(0.01)
        await closed_in_log(capsys, "/v1/sessions/s/messages")


# Other versions.

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


async def test_a_preface_of_http_2_alone_gets_an_answer_that_says_so_and_a_log_line(door: Door, capsys):
    async with serving(door) as served, raw(served) as client:
        await client.send(PREFACE)
        answer = await client.all()
        assert answer.startswith(b"HTTP/1.1 505 ")
        said = problem(answer)
        assert said["type"].endswith(":http_version_not_supported")
        assert "HTTP/1.1 only" in said["detail"]
        assert "--http2-prior-knowledge" in said["detail"]
    assert "another version of HTTP was refused" in capsys.readouterr().out


def http_2_client() -> H2Connection:
    client = H2Connection()
    client.initiate_connection()
    return client


async def test_a_client_that_speaks_http_2_is_answered_with_a_problem_that_it_can_read(door: Door, capsys):
    peer = http_2_client()
    headers = [(":method", "GET"), (":path", "/v1/health"), (":scheme", "http"), (":authority", "localhost")]
    peer.send_headers(3, headers, end_stream=True)
    async with serving(door) as served, raw(served) as client:
        await client.send(peer.data_to_send())
        events = peer.receive_data(await client.all())
    answered = {type(event): event for event in events}
    got = {bytes(name): bytes(value) for name, value in answered[ResponseReceived].headers}
    assert got[b":status"] == b"505"
    assert got[b"content-type"] == b"application/problem+json"
    body = json.loads(answered[DataReceived].data)
    assert int(got[b"content-length"]) == len(answered[DataReceived].data)
    assert "HTTP/1.1 only" in body["detail"]
    assert StreamEnded in answered
    assert b"HTTP/1.1 only" in answered[ConnectionTerminated].additional_data
    assert "another version of HTTP was refused" in capsys.readouterr().out


async def test_a_client_of_http_2_that_has_not_asked_yet_is_told_why_it_is_left(door: Door):
    peer = http_2_client()
    async with serving(door) as served, raw(served) as client:
        await client.send(peer.data_to_send())
        (goodbye,) = [e for e in peer.receive_data(await client.all()) if isinstance(e, ConnectionTerminated)]
    assert goodbye.error_code == ErrorCodes.HTTP_1_1_REQUIRED
    assert b"HTTP/1.1 only" in goodbye.additional_data


@pytest.mark.parametrize(
    "rest",
    [b"\x00", b"\xff" * 100, b"\x00\x00\x00\x04\x00" + b"\xff" * 50_000],
    ids=["a byte", "noise", "a frame of noise"],
)
async def test_what_only_begins_like_http_2_is_answered_and_closed(door: Door, rest):
    async with serving(door) as served, raw(served) as client:
        await client.send(PREFACE + rest)
        assert b"HTTP/1.1 only" in await client.all()


async def test_a_client_that_offers_http_2_is_answered_in_http_1(door: Door):
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    async with serving(door) as served, raw(served) as client:
        await client.send(get(b"/v1/health", upgrade))
        assert (await head_of(client)).startswith(b"http/1.1 200 ")
