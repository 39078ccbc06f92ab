"""The whole way: real sockets, the real daemon, and the mock agent as a process."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.schema.settings import Settings

from ..reading import sse
from ..serving import serving
from .test_problems import problem
from .test_websocket import peer


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


@asynccontextmanager
async def running(environment, **options):
    daemon = Daemon(Settings(mock_step_ms=0), environment)
    async with serving(daemon, **options) as served:
        await served.nursery.start(daemon.run)
        yield daemon, served


async def test_a_session_from_its_creation_to_its_end(environment):
    async with running(environment) as (_, served), served.client() as client:
        path = "/v1/sessions/a%2Fb"
        created = await client.post(path, json={"agent": "mock"})
        assert created.status_code == 200, created.text
        assert created.json()["healthy"] is True
        problem(await client.post(path, json={"agent": "mock"}), 409, "session_already_exists")
        assert (await client.get(path)).json()["sessionId"] == "a/b"

        async with sse(served, f"{path}/messages/stream", method="POST", body={"message": "echo hello"}) as source:
            turn = [frame.data for frame in await source.rest()]
        assert (turn[0]["type"], turn[-1]["type"]) == ("turn.started", "turn.ended")
        assert any("hello" in str(event["data"]) for event in turn)

        assert (await client.post(f"{path}/terminate")).status_code == 204
        events = (await client.get(f"{path}/events")).json()["events"]
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        assert (events[0]["type"], events[-1]["type"]) == ("session.started", "session.ended")
        assert turn == [event for event in events if turn[0]["sequence"] <= event["sequence"] <= turn[-1]["sequence"]]

        assert (await client.delete(path)).status_code == 204
        problem(await client.get(path), 404, "session_not_found")


async def test_a_permission_is_asked_for_and_answered_over_one_websocket(environment):
    async with running(environment, token="t") as (_, served), served.client("t") as client:
        await client.post("/v1/sessions/s", json={"agent": "mock"})
        async with peer(served) as socket:
            await socket.ask(type="auth", token="t")
            await socket.send(id="1", type="message", message="permission")
            frames = []
            while not frames or frames[-1]["type"] != "permission.requested":
                frames.append(await socket.read())
            asked = frames[-1]["data"]["permission_id"]
            pending = (await client.get("/v1/permissions")).json()["permissions"]
            assert asked in [entry["permission"]["permission_id"] for entry in pending]
            await socket.send(id="2", type="permission.reply", permissionId=asked, reply="once")
            while frames[-1]["type"] != "permission.resolved":
                frames.append(await socket.read())
            assert frames[-1]["data"]["status"] == "accept"
        refused = await client.post(f"/v1/sessions/s/permissions/{asked}/reply", json={"reply": "once"})
        problem(refused, 400, "invalid_request")


async def test_every_subscriber_of_a_burst_gets_every_event_in_order(environment):
    async with running(environment) as (_, served), served.client() as client:
        for name in ("a", "b"):
            await client.post(f"/v1/sessions/{name}", json={"agent": "mock"})
        got: list[list[int]] = []

        async def subscribe(name: str) -> None:
            async with sse(served, f"/v1/sessions/{name}/events/sse") as source:
                sequences: list[int] = []
                while True:
                    frame = (await source.take(1))[0]
                    sequences.append(frame.sequence)
                    if frame.data["type"] == "turn.ended":
                        break
                got.append(sequences)

        async with trio.open_nursery() as nursery:
            for name in ("a", "b") * 3:
                nursery.start_soon(subscribe, name)
            for name in ("a", "b"):
                sent = await client.post(f"/v1/sessions/{name}/messages", json={"message": "burst 1000 100"})
                assert sent.status_code == 204
        assert len(got) == 6
        for sequences in got:
            assert sequences == list(range(1, len(sequences) + 1))
            assert len(sequences) > 1000


async def test_a_daemon_that_stops_ends_the_turn_and_then_the_streams(environment):
    async with running(environment) as (daemon, served), served.client() as client:
        await client.post("/v1/sessions/s", json={"agent": "mock"})
        async with sse(served, "/v1/sessions/s/events/sse") as one, sse(served, "/v1/events/sse") as every:
            await client.post("/v1/sessions/s/messages", json={"message": "hang"})
            while (await one.take(1))[0].data["type"] != "turn.started":
                pass
            await daemon.stop()
            for source in (one, every):
                assert "turn.ended" in [frame.data["type"] for frame in await source.rest()]
        assert (await client.get("/v1/sessions")).status_code == 503
