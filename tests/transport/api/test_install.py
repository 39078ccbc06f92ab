"""``POST /v1/agents/{agent}/install`` over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from sandbox_agent.actors.daemon import Daemon

from ...actors.installs.world import POLL, VERSION, World
from ..serving import serving
from .test_problems import problem

URL = "/v1/agents/claude/install"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[httpx.AsyncClient]:
    daemon = Daemon(world.settings(install_progress=0.02), world.environment)
    async with serving(daemon) as served:
        await served.nursery.start(daemon.run)
        async with served.client() as client:
            yield client


async def claude(client: httpx.AsyncClient) -> dict:
    return next(agent for agent in (await client.get("/v1/agents")).json()["agents"] if agent["id"] == "claude")


async def test_it_answers_204_when_the_agent_is_there(world: World):
    async with client_of(world) as client:
        answer = await client.post(URL, json={})
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await claude(client))["installed"] is True
        assert (await client.post(URL, json={"reinstall": False})).status_code == 204
        assert len(world.calls()) == 1
        assert (await client.post(URL, json={"reinstall": True, "agentVersion": VERSION})).status_code == 204
        assert (await claude(client))["version"] == VERSION


async def test_the_agent_list_tells_of_the_progress_and_then_no_more(world: World):
    world.plan(hang=True)
    async with client_of(world) as client, trio.open_nursery() as nursery:
        assert "install" not in await claude(client)
        nursery.start_soon(lambda: client.post(URL, json={"agentVersion": VERSION}))
        await world.hanging()
        while "percent" not in (install := (await claude(client))["install"]):
            await trio.sleep(POLL)
        assert (install["version"], install["phase"]) == (VERSION, "downloading")
        assert 0 <= install["percent"] <= 99
        world.go()
        while "install" in (agent := await claude(client)):
            await trio.sleep(POLL)
        assert agent["installed"] is True


async def test_a_failure_is_a_problem_with_the_reason(world: World):
    world.plan(status=1, stderr="npm error notarget\n")
    async with client_of(world) as client:
        body = problem(await client.post(URL, json={}), 500, "install_failed")
        assert (body["agent"], body["detail"]) == ("claude", "install failed: claude")
        assert "npm error notarget" in body["details"]["stderr"]
        problem(await client.post("/v1/sessions/s", json={"agent": "claude"}), 500, "install_failed")
        assert (await client.get("/v1/sessions")).json()["sessions"] == []


async def test_what_cannot_be_meant_is_refused(world: World):
    async with client_of(world) as client:
        problem(await client.post("/v1/agents/nobody/install", json={}), 400, "unsupported_agent")
        problem(await client.post(URL, json={"agentVersion": "latest"}), 400, "invalid_request")
        problem(await client.post(URL, json={"reinstall": "yes"}), 422, "invalid_request")
        problem(await client.post(URL, content=b""), 400, "invalid_request")
        problem(await client.get(URL), 405, "method_not_allowed")
        assert world.calls() == []
