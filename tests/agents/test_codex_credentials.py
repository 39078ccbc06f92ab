"""The real Codex and a key that was found: its server reads none from the environment, so that it must be told."""

from pathlib import Path

import attrs
import pytest
from sandbox_agent.actors.credentials import Credentials
from sandbox_agent.schema.agents.codex import Codex
from sandbox_agent.schema.settings import Settings

from ..models.server import ModelServer
from .driver import driving, outcome
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

KEY = "sk-fake-openai-key-for-tests"

CONFIG = """\
openai_base_url = "{url}/v1"
chatgpt_base_url = "{url}"
"""


@pytest.fixture
def plain(sandbox: Sandbox, models: ModelServer) -> Sandbox:
    """Codex as it comes, but for the addresses of its servers."""
    Path(sandbox.environment["CODEX_HOME"], "config.toml").write_text(CONFIG.format(url=models.url))
    return sandbox


async def test_a_key_of_the_environment_lets_codex_in_and_does_not_become_the_users_login(
    plain: Sandbox, models: ModelServer
):
    grant = await Credentials({**plain.environment, "OPENAI_API_KEY": KEY}, Settings()).grant("codex", str(plain.work))
    inside = attrs.evolve(plain, environment=grant.environment)
    spec = {"environment": grant.environment, "login_variable": grant.login_variable}
    async with driving(Codex, inside, executable=("codex",), seed="seed", **spec) as driver:
        turn = await driver.turn("SCN_HELLO")
    assert outcome(turn) == "completed"
    assert {request.headers.get("authorization") for request in models.requests if request.method == "POST"} == {
        f"Bearer {KEY}"
    }
    assert [event for event in driver.events if event.type == "agent.unparsed"] == []
    assert not Path(plain.environment["CODEX_HOME"], "auth.json").exists()
    assert KEY not in str(driver.events)
