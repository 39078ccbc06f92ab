"""What a session is asked for, with every default filled in."""

import pytest

from sandbox_agent.actors.agents.catalog import Catalog
from sandbox_agent.actors.agents.credentials import Credentials
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

AGENTS = ("claude", "codex", "opencode", "amp", "mock")


def catalog() -> Catalog:
    environment = {"HOME": "/nonexistent", "PATH": ""}
    settings = Settings(data_dir="/nonexistent")
    files = ForeignFiles(PATIENCE)
    return Catalog(environment, settings, ProcessTable(), Credentials(environment, settings, files), files)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("said", [None, "", "default", "build"])
def test_the_default_agent_mode_is_build_for_every_agent(agent: str, said: str | None):
    assert catalog().resolve(CreateSessionRequest(agent, agent_mode=said)).agent_mode == "build"


@pytest.mark.parametrize("agent", AGENTS)
def test_what_an_agent_says_of_its_modes_begins_with_build(agent: str):
    assert catalog().modes(agent).modes[0].id == "build"


def test_the_example_of_the_sdk_of_0_1_is_accepted():
    request = CreateSessionRequest("codex", agent_mode="default", permission_mode="plan")
    resolved = catalog().resolve(request)
    assert (resolved.agent_mode, resolved.permission_mode) == ("build", "plan")


@pytest.mark.parametrize("agent", [agent for agent in AGENTS if agent != "opencode"])
def test_another_unknown_mode_is_refused(agent: str):
    with pytest.raises(Problem) as refused:
        catalog().resolve(CreateSessionRequest(agent, agent_mode="Default"))
    assert refused.value.kind == "mode_not_supported"
