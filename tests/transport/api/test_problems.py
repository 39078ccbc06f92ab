"""Every refusal is a problem that says what is wrong."""

import json

import httpx
import pytest

from sandbox_agent.schema.settings import Settings

from ..door import FULL, Door
from ..serving import serving


def problem(response: httpx.Response, status: int, kind: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:sandbox-agent:error:{kind}"
    assert body["status"] == status
    assert body["title"]
    return body


@pytest.fixture
def door() -> Door:
    door = Door(Settings(max_body_bytes=1000))
    door.session("s")
    return door


async def test_an_unknown_path_and_a_wrong_method(door: Door):
    async with serving(door) as served, served.client() as client:
        assert "/v1/nothing" in problem(await client.get("/v1/nothing"), 404, "not_found")["detail"]
        refused = await client.put("/v1/sessions")
        assert "GET, HEAD" in problem(refused, 405, "method_not_allowed")["detail"]
        assert refused.headers["allow"] == "GET, HEAD"
        problem(await client.get("/v1/sessions/s/messages"), 405, "method_not_allowed")
        problem(await client.get("/v1/sessions/%FF"), 404, "not_found")
        problem(await client.get("/v1/sessions//events"), 404, "not_found")


async def test_what_the_daemon_refuses(door: Door):
    async with serving(door) as served, served.client() as client:
        assert problem(await client.get("/v1/sessions/no/events"), 404, "session_not_found")["sessionId"] == "no"
        problem(await client.post("/v1/sessions/s", json={"agent": "mock"}), 409, "session_already_exists")
        problem(await client.post("/v1/sessions/t", json={"agent": "x"}), 400, "unsupported_agent")
        door.refusal = FULL
        full = await client.post("/v1/sessions/s/messages", json={"message": "hi"})
        problem(full, 429, "queue_full")
        assert full.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "kind", "says"),
    [
        (b"{", "application/json", 400, "invalid_request", "not valid JSON"),
        (b"[]", "application/json", 422, "invalid_request", "an object"),
        (b"{}", "application/json", 422, "invalid_request", "message"),
        (b'{"message":1}', "application/json", 422, "invalid_request", "`message`: expected a string"),
        (b'{"message":"\xff"}', "application/json", 400, "invalid_request", "JSON"),
        (b"", "application/json", 400, "invalid_request", "required"),
        (b"", None, 400, "invalid_request", "required"),
        (b'{"message":"x"}', "text/plain", 415, "unsupported_media_type", "text/plain"),
        (b'{"message":"x"}', None, 415, "unsupported_media_type", "none"),
        (b'{"message":"' + b"x" * 1000 + b'"}', "application/json", 413, "payload_too_large", "1000"),
    ],
)
async def test_a_bad_body_is_told_what_is_bad(door: Door, content, content_type, status, kind, says):
    headers = {"Content-Type": content_type} if content_type else {}
    async with serving(door) as served, served.client() as client:
        response = await client.post("/v1/sessions/s/messages", content=content, headers=headers)
        assert says in problem(response, status, kind)["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/vnd.x+json", "APPLICATION/JSON"]
)
async def test_json_by_any_of_its_names_is_json(door: Door, content_type):
    async with serving(door) as served, served.client() as client:
        body = b'{"message":"x","unknown":1,"attachments":null}'
        response = await client.post("/v1/sessions/s/messages", content=body, headers={"Content-Type": content_type})
        assert (response.status_code, response.content) == (204, b"")
        assert "content-type" not in response.headers


async def test_a_chunked_body_is_cut_off_at_the_limit_and_the_answer_still_arrives(door: Door):
    async def endless():
        for _ in range(100):
            yield b"x" * 10_000

    async with serving(door) as served, served.client() as client:
        response = await client.post(
            "/v1/sessions/s/messages", content=endless(), headers={"Content-Type": "application/json"}
        )
        problem(response, 413, "payload_too_large")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
        ("offset=", "offset"),
        ("offset=9223372036854775808", "offset"),
        ("offset=²", "offset"),
        ("limit=1.5", "limit"),
        ("include_raw=1", "include_raw"),
        ("includeRaw=True", "includeRaw"),
    ],
)
async def test_a_bad_query_parameter_is_named(door: Door, query, name):
    async with serving(door) as served, served.client() as client:
        detail = problem(await client.get(f"/v1/sessions/s/events?{query}"), 400, "invalid_request")["detail"]
        assert f"`{name}`" in detail


async def test_a_session_id_may_be_anything_but_long_or_with_control_characters(door: Door):
    async with serving(door) as served, served.client() as client:
        for strange in ("a%2Fb%2F..", "%E2%82%AC%20%3F%23", "x" * 256, "%25", "a%2fb"):
            response = await client.post(f"/v1/sessions/{strange}", json={"agent": "mock"})
            assert response.status_code == 200, response.text
        assert [call[1] for call in door.calls] == ["a/b/..", "€ ?#", "x" * 256, "%", "a/b"]
        for bad in ("x" * 257, "a%0Ab", "%7F", "%C2%85"):
            problem(await client.post(f"/v1/sessions/{bad}", json={"agent": "mock"}), 400, "invalid_request")


async def test_an_id_with_a_slash_reaches_replies_too(door: Door):
    door.session("a/b")
    async with serving(door) as served, served.client() as client:
        path = "/v1/sessions/a%2Fb/permissions/p%2F1/reply"
        assert (await client.post(path, json={"reply": "once"})).status_code == 204
        assert door.calls == [("permission", "a/b", "p/1", "once")]
        problem(await client.post(path, json={"reply": "Once"}), 422, "invalid_request")


async def test_an_unexpected_failure_is_a_500_without_its_secrets(door: Door, capsys):
    door.refusal = RuntimeError("token hunter2")
    async with serving(door, token="hunter2") as served, served.client("hunter2") as client:
        response = await client.post("/v1/sessions/s/terminate")
        assert "hunter2" not in problem(response, 500, "internal_error")["detail"]
        assert (await client.get("/v1/sessions")).status_code == 200
    assert "request.failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/sessions/s/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_problem_and_the_end(door: Door, request_bytes):
    async with serving(door) as served, await served.connect() as stream:
        await stream.send_all(request_bytes)
        answer = b"".join([chunk async for chunk in stream])
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == int(head.split()[1])
        assert head.split()[1] in ((b"505",) if request_bytes.startswith(b"PRI ") else (b"400", b"431"))


async def test_an_h2c_upgrade_is_answered_in_http_1(door: Door):
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    async with serving(door) as served, served.client() as client:
        response = await client.get("/v1/health", headers=headers)
        assert (response.status_code, response.http_version) == (200, "HTTP/1.1")


async def test_websocket_and_http_paths_are_not_confused(door: Door):
    async with serving(door) as served, served.client() as client:
        assert "WebSocket" in problem(await client.get("/v1/sessions/s/ws"), 400, "invalid_request")["detail"]


async def test_head_is_get_without_a_body_and_ends_also_on_a_stream(door: Door):
    async with serving(door) as served, served.client() as client:
        for path in ("/", "/v1/health", "/v1/sessions", "/v1/sessions/s/events", "/openapi.json"):
            head, get = await client.head(path), await client.get(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
        head = await client.head("/v1/sessions/s/events/sse")
        assert head.headers["content-type"] == "text/event-stream"
        assert (await client.head("/v1/sessions/no/events/sse")).status_code == 404


async def test_access_log_tells_the_path_but_neither_query_nor_token(door: Door, capsys):
    async with serving(door, token="hunter2") as served, served.client("hunter2") as client:
        await client.get("/v1/sessions/s/events?offset=0&secret=4711")
    out = capsys.readouterr().out
    assert "/v1/sessions/s/events" in out
    assert "4711" not in out
    assert "hunter2" not in out
