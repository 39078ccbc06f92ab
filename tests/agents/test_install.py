"""Real installs by the real npm: Amp, the smallest of the agents, on a machine where none is."""

import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.definitions import PINNED

from ..models.amp import AmpServer
from .daemon import RunningDaemon, last_words, of_type, parts, running_daemon
from .sandbox import Sandbox

pytestmark = pytest.mark.agents


NETWORK = re.compile(r"(?i)(https?|no|all)_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_config_\w+")
"""What npm needs of the user's environment to reach its registry: nothing of it is the agents' own."""


def network() -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
    own = {"npm_config_userconfig": str(Path.home() / ".npmrc"), "npm_config_cache": str(Path.home() / ".npm")}
    return {name: value for name, value in own.items() if name.upper() not in map(str.upper, found)} | found


@pytest.fixture
async def bare_daemon(sandbox: Sandbox, amps: AmpServer) -> AsyncIterator[RunningDaemon]:
    """A daemon on whose PATH no agent is. npm is the user's own, with its registry and its cache."""
    path = [part for part in sandbox.environment["PATH"].split(":") if not Path(part, "amp").exists()]
    sandbox.environment.update(network(), PATH=":".join(path))
    assert shutil.which("npm", path=":".join(path)), "the tests of installs need npm"
    async with running_daemon(sandbox) as running:
        yield running


async def amp_of(daemon: RunningDaemon) -> dict[str, object]:
    agents = (await daemon.http.get("/v1/agents")).json()["agents"]
    return next(agent for agent in agents if agent["id"] == "amp")


async def test_first_use_of_an_agent_that_is_not_installed_works(bare_daemon: RunningDaemon, sandbox: Sandbox):
    assert (await amp_of(bare_daemon))["installed"] is False
    session = await bare_daemon.session(sandbox, agent="amp")
    assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
    installs = [part["detail"] for part in parts(session.events, "status") if part["label"] == "agent.install"]
    assert any("downloading" in detail for detail in installs)
    assert session.events[0]["type"] == "session.started"
    assert of_type(session.events, "agent.unparsed") == []
    amp = await amp_of(bare_daemon)
    assert (amp["installed"], amp["version"]) == (True, PINNED["amp"])
    assert str(amp["path"]).startswith(str(sandbox.home / ".local" / "share" / "sandbox-agent" / "agents" / "amp"))


async def test_an_unknown_version_is_refused_soon_with_npms_reason(bare_daemon: RunningDaemon):
    began = time.monotonic()
    answer = await bare_daemon.http.post("/v1/agents/amp/install", json={"agentVersion": "0.0.1-nosuch"})
    assert answer.status_code == 500
    problem = answer.json()
    assert (problem["type"], problem["agent"]) == ("urn:sandbox-agent:error:install_failed", "amp")
    assert "No matching version found" in problem["details"]["stderr"]
    assert time.monotonic() - began < 20
    assert (await amp_of(bare_daemon))["installed"] is False
    assert (await bare_daemon.create(agent="amp", agentVersion="0.0.1-nosuch")).status_code == 500


async def test_a_registry_that_cannot_be_reached_is_told_soon(sandbox: Sandbox, amps: AmpServer):
    sandbox.environment["npm_config_registry"] = "http://127.0.0.1:9"
    sandbox.environment["SANDBOX_AGENT_DATA_DIR"] = str(sandbox.home / "data")
    async with running_daemon(sandbox) as daemon:
        began = time.monotonic()
        answer = await daemon.http.post("/v1/agents/amp/install", json={"agentVersion": PINNED["amp"]})
        assert (answer.status_code, time.monotonic() - began < 20) == (500, True)
        assert "ECONNREFUSED" in answer.json()["details"]["stderr"]
