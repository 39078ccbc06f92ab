"""The real programs, asked for their models through a really started daemon."""

import pytest

from .daemon import RunningDaemon, running_daemon
from .sandbox import Sandbox

pytestmark = pytest.mark.agents


@pytest.mark.parametrize(("agent", "named"), [("codex", "gpt-"), ("opencode", "scripted/model-1")])
async def test_the_programs_own_list_is_what_the_api_tells(sandbox: Sandbox, agent: str, named: str):
    # A busy machine takes longer than a user waits: without its list in time, an agent has the default alone.
    async with running_daemon(sandbox, "--models-timeout", "60") as daemon:
        answer = (await daemon.http.get(f"/v1/agents/{agent}/models")).json()
    ids = [model["id"] for model in answer["models"]]
    assert answer["defaultModel"] == ids[0] == "default"
    assert any(model.startswith(named) for model in ids), ids
    assert any(model.get("variants") for model in answer["models"]), answer


async def test_claude_has_its_list_by_heart_where_the_vendor_tells_none(daemon: RunningDaemon):
    answer = (await daemon.http.get("/v1/agents/claude/models")).json()
    assert [model["id"] for model in answer["models"]] == ["default", "sonnet", "opus", "haiku"]
