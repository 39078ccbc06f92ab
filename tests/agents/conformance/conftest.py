"""The agents that the story is played with, and the world of each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ...models.amp import amp_server
from ...models.server import model_server
from ..daemon import running_daemon
from ..sandbox import Sandbox
from .agents.agent import Agent, Models
from .agents.amp import AMP
from .agents.claude import CLAUDE
from .agents.codex import CODEX
from .agents.mock import MOCK
from .agents.opencode import OPENCODE
from .lives import Lives
from .world import World, sign

AGENTS = (MOCK, CLAUDE, CODEX, OPENCODE, AMP)


@pytest.fixture(params=AGENTS, ids=repr)
def agent(request: pytest.FixtureRequest) -> Agent:
    return request.param


@pytest.fixture
async def lives(agent: Agent, tmp_path: Path) -> AsyncIterator[Lives]:
    async with model_server() as http, amp_server() as amp:
        sandbox, models = Sandbox.make(tmp_path, http.url), Models(http, amp)
        sandbox.environment.update(sign(), **agent.prepare(sandbox, models))
        yield Lives(agent, sandbox, models)


@pytest.fixture
async def world(agent: Agent, tmp_path: Path) -> AsyncIterator[World]:
    async with model_server() as http, amp_server() as amp:
        sandbox, models = Sandbox.make(tmp_path, http.url), Models(http, amp)
        sandbox.environment.update(sign(), **agent.prepare(sandbox, models))
        async with running_daemon(sandbox) as daemon:
            world = World(agent, daemon, sandbox, models)
            yield world
            world.understood()
