"""Requests that a proxy in front of us may read in another way than we do (request smuggling, CWE-444)."""

import json

import h11
import pytest

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.http.strict_head import fault_of_head, fault_of_lines

from ..door import Door
from ..raw import HANDSHAKE, raw
from ..serving import serving

AUTH = b"Authorization: Bearer right-token\r\n"
HOST = b"Host: localhost\r\n"
BODY = b'{"message":"hi"}'
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /v1/sessions/s/messages HTTP/1.1\r\n"
CHUNKED = b"10\r\n" + BODY + b"\r\n0\r\n\r\n"


@pytest.fixture
def door() -> Door:
    door = Door()
    door.session("s")
    return door


AMBIGUOUS = {
    "two Authorization headers, the right one first": (
        POST + HOST + AUTH + b"Authorization: Bearer x\r\n" + JSON + b"Content-Length: 16\r\n\r\n" + BODY,
        "authorization",
    ),
    "two Authorization headers, the right one last": (
        POST + HOST + b"Authorization: Bearer x\r\n" + AUTH + JSON + b"Content-Length: 16\r\n\r\n" + BODY,
        "authorization",
    ),
    "Content-Length and Transfer-Encoding": (
        POST + HOST + AUTH + JSON + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
        "both a Content-Length and a Transfer-Encoding",
    ),
    "Transfer-Encoding in HTTP/1.0": (
        POST.replace(b"1.1", b"1.0") + HOST + AUTH + JSON + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
        "HTTP/1.0 has no Transfer-Encoding",
    ),
    "two lengths": (
        POST + HOST + AUTH + JSON + b"Content-Length: 4\r\nContent-Length: 16\r\n\r\n" + BODY,
        "Content-Length",
    ),
    "two slashes": (b"GET //v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", "two slashes"),
    "no slash": (b"GET v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", "must begin with /"),
    "two slashes in the absolute form": (
        b"GET http://localhost//v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\r\n",
        "two slashes",
    ),
    "another host in the absolute form": (
        b"GET http://evil.example/v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\r\n",
        "another host",
    ),
    "the asterisk of another method": (b"GET * HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", "must begin with /"),
    "a lower-case method": (b"get /v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\r\n", "upper case"),
    "a mixed method": (b"Post" + POST[4:] + HOST + AUTH + JSON + b"Content-Length: 16\r\n\r\n" + BODY, "upper case"),
    "a folded header": (b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"X-A: a\r\n b\r\n" + AUTH + b"\r\n", "obs-fold"),
    "a folded token": (
        b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"Authorization: Bearer\r\n\tright-token\r\n\r\n",
        "obs-fold",
    ),
    "lines that end with LF": (b"GET /v1/sessions HTTP/1.1\nHost: localhost\n" + AUTH + b"\r\n", "LF alone"),
    "one line that ends with LF": (b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"X-A: a\n" + AUTH + b"\r\n", "LF alone"),
    "a head that ends with LF": (b"GET /v1/sessions HTTP/1.1\r\n" + HOST + AUTH + b"\n", "LF alone"),
    "two hosts": (b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n" + AUTH + b"\r\n", "Host"),
    "no host": (b"GET /v1/sessions HTTP/1.1\r\n" + AUTH + b"\r\n", "Host"),
    "a space before the colon": (b"GET /v1/sessions HTTP/1.1\r\n" + HOST + b"X-A : a\r\n" + AUTH + b"\r\n", "header"),
    "two origins": (
        POST + HOST + AUTH + b"Origin: http://localhost\r\nOrigin: http://evil.example\r\n" + JSON + b"\r\n",
        "origin",
    ),
    "a WebSocket with two tokens": (
        HANDSHAKE[:-2] + AUTH + b"Authorization: Bearer x\r\n\r\n",
        "authorization",
    ),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_an_ambiguous_request_is_a_400_that_says_what_is_wrong_and_ends_the_connection(door: Door, case: str):
    sent, named = AMBIGUOUS[case]
    async with serving(door, token="right-token") as served, raw(served) as client:
        # What follows must not be taken for a request of its own.
        await client.send(sent + b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = (await client.all()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), head
    problem, end = json.JSONDecoder().raw_decode(body.decode())
    assert end == len(body)
    assert problem["type"] == "urn:sandbox-agent:error:invalid_request"
    assert named.lower() in problem["detail"].lower()
    assert door.calls == []


async def test_a_head_that_never_ends_is_refused_at_its_first_wrong_line(door: Door):
    async with serving(door) as served, raw(served) as client:
        await client.send(b"GET / HTTP/1.1\n")
        assert (await client.all()).startswith(b"HTTP/1.1 400 ")


async def test_the_second_request_of_a_connection_is_looked_at_too(door: Door):
    async with serving(door) as served, raw(served) as client:
        await client.send(b"GET /v1/health HTTP/1.1\r\n" + HOST + b"\r\nget /v1/health HTTP/1.1\r\n" + HOST + b"\r\n")
        answers = await client.all()
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in answers


async def test_a_body_may_hold_what_a_head_may_not(door: Door):
    body = b'{"message":"a\\n",\n\t"model":null}'
    async with serving(door) as served, raw(served) as client:
        head = POST + HOST + JSON + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        await client.send(head + body)
        assert not (await client.all()).startswith(b"HTTP/1.1 400 ")
    assert len(door.calls) == 1


@pytest.mark.parametrize("target", [b"/v1/health", b"/v1/health?a=//b", b"http://LOCALHOST/v1/health", b"/"])
async def test_plain_targets_are_served(door: Door, target: bytes):
    async with serving(door) as served, raw(served) as client:
        await client.send(b"GET %b HTTP/1.1\r\n" % target + HOST + b"Connection: close\r\n\r\n")
        assert (await client.all()).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_comes_byte_by_byte_is_judged_alike(door: Door):
    sent = b"GET /v1/health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    async with serving(door) as served, raw(served) as client:
        for at in range(len(sent)):
            await client.send(sent[at : at + 1])
        assert (await client.all()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("received", [b"GET / HTTP/1.1\r\nA: b\r\n\r\n\n x", b"GET / HTTP/1.1\r", b"", b"GET / HT"])
def test_what_may_still_become_a_good_head_is_waited_for(received: bytes):
    assert fault_of_lines(received) is None


def test_the_asterisk_is_for_options():
    asked = h11.Request(method="OPTIONS", target="*", headers=[("Host", "localhost")])
    assert fault_of_head(asked) is None


async def test_answers_say_that_they_are_what_they_say_and_are_not_to_be_kept(door: Door):
    async with serving(door, token="right-token") as served, served.client("right-token") as client:
        for path in ("/v1/health", "/v1/sessions", "/v1/none", "/openapi.json", "/v1/sessions/none/queue"):
            answer = await client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["cache-control"] == "no-store", path
        async with raw(served) as broken:
            await broken.send(b"GARBAGE\r\n\r\n")
            head = (await broken.until(b"\r\n\r\n")).lower()
            assert b"x-content-type-options: nosniff" in head
            assert b"cache-control: no-store" in head
        async with client.stream("GET", "/v1/sessions/s/events/sse") as stream:
            assert stream.headers["cache-control"] == "no-cache"
            assert stream.headers["x-content-type-options"] == "nosniff"


def test_the_bound_of_a_head_is_the_setting():
    assert Settings().max_header_bytes >= 8 << 10
