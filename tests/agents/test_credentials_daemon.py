"""The real agents and credentials, through a really started daemon."""

from pathlib import Path

import attrs
import pytest

from ..models.server import ModelServer
from .daemon import RunningDaemon, last_words, of_type, running_daemon
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

KEY = "sk-ant-another-fake-key-for-tests"

OPENAI_KEY = "sk-fake-openai-key-for-tests"

PLAIN_CODEX = """\
openai_base_url = "{url}/v1"
chatgpt_base_url = "{url}"
"""
"""Codex as it comes, but for the addresses of its servers."""

OF_VENDORS = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "AMP_API_KEY", "AMP_URL", "CODEX_HOME")


async def test_claude_works_with_a_key_that_it_does_not_read_by_itself(sandbox: Sandbox, models: ModelServer):
    environment = {name: value for name, value in sandbox.environment.items() if name != "ANTHROPIC_API_KEY"}
    sandbox = attrs.evolve(sandbox, environment=environment | {"CLAUDE_API_KEY": KEY, "OPENAI_API_KEY": "sk-openai"})
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox)
        assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
        printed = str(await session.turn("SCN_BASH 'echo $ANTHROPIC_API_KEY; echo openai=$OPENAI_API_KEY'"))
    assert {request.headers.get("x-api-key") for request in models.requests if request.method == "POST"} == {KEY}
    assert "[redacted]" in printed
    assert "openai=" in printed
    assert KEY not in printed
    assert "sk-openai" not in printed


async def test_codex_is_let_in_by_a_key_that_its_server_does_not_read_and_keeps_no_login_of_it(
    sandbox: Sandbox, models: ModelServer
):
    home = Path(sandbox.environment["CODEX_HOME"])
    (home / "config.toml").write_text(PLAIN_CODEX.format(url=models.url))
    sandbox = attrs.evolve(sandbox, environment=sandbox.environment | {"OPENAI_API_KEY": OPENAI_KEY})
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="codex")
        assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
        assert of_type(session.events, "agent.unparsed") == []
        assert OPENAI_KEY not in str(session.events)
    assert not (home / "auth.json").exists()
    sent = {request.headers.get("authorization") for request in models.requests if request.method == "POST"}
    assert sent == {f"Bearer {OPENAI_KEY}"}


async def test_without_credentials_the_answer_comes_at_once_and_says_what_helps(sandbox: Sandbox):
    environment = {name: value for name, value in sandbox.environment.items() if name not in OF_VENDORS}
    (sandbox.home / ".codex" / "config.toml").unlink()  # it names a provider of its own
    async with running_daemon(attrs.evolve(sandbox, environment=environment)) as daemon:
        listed = {agent["id"]: agent for agent in (await daemon.http.get("/v1/agents")).json()["agents"]}
        for agent in ("claude", "codex", "amp"):
            assert listed[agent]["credentialsAvailable"] is False
            assert await refusal(daemon, agent, sandbox) == (424, "urn:sandbox-agent:error:credentials_missing", agent)
        assert (await daemon.http.get("/v1/sessions")).json()["sessions"] == []


async def refusal(daemon: RunningDaemon, agent: str, sandbox: Sandbox) -> tuple[int, str, str]:
    response = await daemon.create(agent=agent, directory=str(sandbox.work))
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    return response.status_code, body["type"], body["agent"]
