"""docs/proxies.md, run: what a client does through nginx and Caddy is what it does without them."""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio_websocket

from ..cli.commands import Commands
from ..cli.running import daemon
from .recipes import NAME, proxy

pytestmark = pytest.mark.proxies

STRIPPED = ["nginx, prefix stripped", "Caddy, prefix stripped"]
KEPT = ["nginx, with --base-path /agents", "Caddy, with --base-path /agents"]
PREFIX = "/agents"
LIMIT = 60.0
"""Seconds for one test's client to wait for anything."""


class Front:
    """The daemon as it is seen through a proxy. ``host`` is what clients call it."""

    def __init__(self, address: str, api: str) -> None:
        self.address = address
        self.host = f"{NAME}:{address.partition(':')[2]}"
        self.direct = api

    @property
    def url(self) -> str:
        return f"http://{self.address}{PREFIX}"

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Host": self.host, **headers}, timeout=LIMIT, trust_env=False)

    def session(self, client: httpx.Client, name: str) -> str:
        """Its path, with the id as one segment."""
        path = f"/v1/sessions/{name.replace('/', '%2F')}"
        done = client.post(path, json={"agent": "mock"})
        assert done.status_code == 200, done.text
        return path


def commands_in(tmp_path: Path) -> Commands:
    home = tmp_path / "home"
    home.mkdir()
    return Commands(home)


@pytest.fixture(params=STRIPPED + KEPT)
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Front]:
    """Without a token: so both the Host rule and the Origin rule are on."""
    with running(request.param, tmp_path, "1h") as found:
        yield found


@pytest.fixture(params=STRIPPED)
def impatient(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Front]:
    """A proxy that waits three seconds, before a daemon that is silent for half a second at most."""
    with running(request.param, tmp_path, "3s", "--sse-keepalive", "0.5", "--websocket-ping", "0.5") as found:
        yield found


@contextmanager
def running(title: str, tmp_path: Path, patience: str, *options: str) -> Generator[Front]:
    base = ("--base-path", PREFIX) if title in KEPT else ()
    with daemon(commands_in(tmp_path), "--no-token", "--allow-host", NAME, *base, *options) as started:
        upstream = started.url.removeprefix("http://").partition("/")[0]
        with proxy(title, upstream, tmp_path / "proxy", patience) as address:
            yield Front(address, started.url)


def events(lines: Generator[str]) -> Generator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line[5:])


def test_requests_paths_and_problems_get_through(front: Front) -> None:
    with front.client() as client:
        assert client.get("/v1/health").json()["status"] == "ok"
        assert "sandbox-agent" in client.get("/").text
        path = front.session(client, "a/b")
        assert path.endswith("a%2Fb")
        assert client.get(path).json()["sessionId"] == "a/b"
        assert client.get("/v1/sessions/a/b").json()["type"].endswith(":not_found")
        assert client.get("/v1/sessions/none").headers["content-type"] == "application/problem+json"
        assert client.get("/v1/sessions/none").json()["sessionId"] == "none"
        assert client.get("/openapi.json").status_code == 200
        bare = client.get(f"http://{front.address}{PREFIX}", follow_redirects=True)
        assert "sandbox-agent" in bare.text


def test_the_first_event_arrives_before_the_turn_ends(front: Front) -> None:
    """The turn waits for a reply that is given when its ask was seen: behind a buffer both would wait for ever."""
    with front.client() as client, front.client() as reader:
        path = front.session(client, "s")
        with reader.stream("GET", f"{path}/events/sse") as stream:
            assert stream.status_code == 200
            seen = events(stream.iter_lines())
            assert client.post(f"{path}/messages", json={"message": "permission"}).status_code == 204
            for event in seen:
                if event["type"] == "permission.requested":
                    ask = event["data"]["permission_id"]
                    reply = client.post(f"{path}/permissions/{ask}/reply", json={"reply": "once"})
                    assert reply.status_code == 204
                if event["type"] == "turn.ended":
                    break
        with client.stream("POST", f"{path}/messages/stream", json={"message": "say hi"}) as stream:
            turn = [event["type"] for event in events(stream.iter_lines())]
        assert (turn[0], turn[-1]) == ("turn.started", "turn.ended")


def test_a_body_as_large_as_the_daemon_takes_gets_through_and_a_larger_one_gets_its_problem(front: Front) -> None:
    with front.client() as client:
        path = front.session(client, "s")
        text = "say " + "x" * (4 << 20)
        refused = client.post(f"{path}/messages", json={"message": text})
        assert refused.status_code == 413
        assert refused.json()["type"].endswith(":payload_too_large")
        assert client.post(f"{path}/messages", json={"message": text[: (4 << 20) - 100]}).status_code == 204


def test_the_hosts_and_origins_of_clients_are_those_that_the_daemon_judges(front: Front) -> None:
    claim = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
    with front.client() as client:
        path = front.session(client, "s")
        page = {"Origin": f"http://{front.host}"}
        assert client.post(f"{path}/interrupt", headers=page).status_code == 200
        stranger = {"Origin": "https://evil.example"}
        assert client.post(f"{path}/interrupt", headers=stranger | claim).status_code == 403
    with httpx.Client(base_url=front.direct, timeout=LIMIT, trust_env=False) as client:
        assert client.get("/v1/sessions", headers={"Host": "evil.example"} | claim).status_code == 403


async def test_a_websocket_takes_commands_and_brings_events(front: Front) -> None:
    with front.client() as client:
        path = front.session(client, "a/b")
    with trio.fail_after(LIMIT):
        async with websocket(front, path) as socket:
            await socket.send_message(json.dumps({"id": "1", "type": "message", "message": "say hi"}))
            kinds = set[str]()
            while not {"ack", "turn.ended"} <= kinds:
                kinds.add(json.loads(await socket.get_message())["type"])


def test_an_idle_stream_outlives_the_proxys_patience(impatient: Front) -> None:
    with impatient.client() as client, impatient.client() as reader:
        path = impatient.session(client, "s")
        with reader.stream("GET", f"{path}/events/sse") as stream:
            lines = stream.iter_lines()
            silence = 0
            for line in lines:
                silence += line.startswith(":")
                if silence == 12:  # six seconds: twice what the proxy waits
                    break
            assert silence == 12
            assert client.post(f"{path}/messages", json={"message": "say hi"}).status_code == 204
            assert any(event["type"] == "turn.ended" for event in events(lines))


async def test_an_idle_websocket_outlives_the_proxys_patience(impatient: Front) -> None:
    with impatient.client() as client:
        path = impatient.session(client, "s")
    with trio.fail_after(LIMIT):
        async with websocket(impatient, path) as socket:
            with trio.move_on_after(6) as silence:  # twice what the proxy waits; the library answers the pings
                while True:  # what the log holds already
                    await socket.get_message()
            assert silence.cancelled_caught
            await socket.send_message(json.dumps({"id": "1", "type": "message", "message": "say hi"}))
            while json.loads(await socket.get_message())["type"] != "turn.ended":
                pass


@asynccontextmanager
async def websocket(front: Front, path: str) -> AsyncGenerator[Any]:
    """As a browser opens one: it tells its page's origin."""
    host, _, port = front.address.partition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream, trio.open_nursery() as nursery:
        page = [(b"Origin", f"http://{front.host}".encode())]
        yield await trio_websocket.wrap_client_stream(
            nursery, stream, front.host, f"{PREFIX}{path}/ws", extra_headers=page
        )
        nursery.cancel_scope.cancel()
