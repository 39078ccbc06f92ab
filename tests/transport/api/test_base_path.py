"""Everything below one prefix, for a proxy that passes the path on as it came."""

import json
import re

import pytest
import trio_websocket
from openapi_spec_validator import validate

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.api.openapi import document
from sandbox_agent.transport.api.routes import ROUTES
from sandbox_agent.transport.http.paths import session_of

from ..door import Door
from ..handshake import upgrade
from ..reading import sse
from ..serving import LIMIT, serving
from .test_problems import problem

BASE = "/agents/one"


def door() -> Door:
    made = Door(Settings(base_path=BASE))
    made.session("s")
    return made


async def test_every_route_is_below_it_and_nowhere_else() -> None:
    async with serving(door()) as served, served.client() as client:
        assert served.url.endswith(BASE)
        root = served.url.removesuffix(BASE)
        for route in ROUTES:
            path = re.sub(r"\{\w+\}", "none", route.path)
            if route.kind == "websocket":
                continue
            outside = problem(await client.request(route.method, f"{root}{path}"), 404, "not_found")
            assert f"{BASE}/" in outside["detail"], path
            if route.kind == "sse" and route.method == "GET":  # it would not end
                assert (await client.head(f"{root}{BASE}{path}")).status_code in (200, 404), path
                continue
            inside = await client.request(route.method, f"{root}{BASE}{path}")
            said = inside.json()["type"] if inside.status_code == 404 else ""
            assert not said.endswith(":not_found"), path


@pytest.mark.parametrize(
    "path",
    ["/", "/agents", "/agents/", "/agents/one2", "/agents/oneX/v1/health", "/AGENTS/one/v1/health"],
)
async def test_what_only_looks_like_it_is_outside(path: str) -> None:
    async with serving(door()) as served, served.client() as client:
        for method in ("GET", "OPTIONS", "DELETE"):
            answer = await client.request(method, f"http://127.0.0.1:{served.port}{path}")
            assert BASE in problem(answer, 404, "not_found")["detail"]


async def test_two_slashes_are_no_path_of_anybody() -> None:
    async with serving(door()) as served, served.client() as client:
        answer = await client.get(f"http://127.0.0.1:{served.port}//agents/one/v1/health")
        assert "two slashes" in problem(answer, 400, "invalid_request")["detail"]


async def test_its_own_root_health_metrics_and_document() -> None:
    async with serving(door()) as served, served.client() as client:
        for root in ("", "/"):
            answer = await client.get(f"http://127.0.0.1:{served.port}{BASE}{root}")
            assert (answer.status_code, f"GET {BASE}/v1/health" in answer.text) == (200, True)
        assert (await client.get("/v1/health", headers={"Host": "lb"})).status_code == 200
        assert (await client.get("/%761/health")).status_code == 200, "an escaped letter is the letter"
        document_there = (await client.get("/openapi.json")).json()
        assert document_there["servers"] == [{"url": BASE}]
        validate(document_there)
        assert document_there["paths"] == document()["paths"]


async def test_sessions_streams_and_ids_with_a_slash() -> None:
    made = door()
    made.session("a/b").delta("hello")
    async with serving(made) as served, served.client() as client:
        assert (await client.post("/v1/sessions/s/messages", json={"message": "hi"})).status_code == 204
        assert (await client.get("/v1/sessions/a%2Fb/events")).json()["events"][0]["data"]["delta"] == "hello"
        async with sse(served, f"{BASE}/v1/sessions/a%2Fb/events/sse") as source:
            assert (await source.take(1))[0].data["data"]["delta"] == "hello"


async def test_a_websocket_is_below_it_too() -> None:
    made = door()
    made.sessions["s"].delta("hello")
    async with serving(made) as served:
        url = served.url.replace("http", "ws", 1) + "/v1/sessions/s/ws"
        async with trio_websocket.open_websocket_url(url, connect_timeout=LIMIT) as socket:
            assert json.loads(await socket.get_message())["data"]["delta"] == "hello"
        assert await upgrade(served, "localhost", path=f"{BASE}/v1/sessions/s/ws") == 101
        assert await upgrade(served, "localhost") == 404


def test_the_access_log_still_knows_the_session() -> None:
    assert session_of(b"/agents/one/v1/sessions/a%2Fb/events", BASE) == "a/b"
    assert session_of(b"/v1/sessions/s/events", BASE) is None
    assert session_of(b"/v1/sessions/s/events") == "s"


@pytest.mark.parametrize(
    "text", ["agents", "/", "/agents/", "//agents", "/a//b", "/a/..", "/./a", "/a b", "/a%2Fb", "/ü"]
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be like /agents"):
        Settings(base_path=text)
