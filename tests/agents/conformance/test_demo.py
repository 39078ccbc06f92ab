"""`sandbox-agent demo --agent …`, as `make demo` runs it, with the scripted models behind the agents."""

import sys
from pathlib import Path

import pytest
import trio

from ...cli.commands import COMMAND
from ...models.amp import amp_server
from ...models.server import model_server
from ..sandbox import Sandbox
from .agents.agent import Agent, Models

pytestmark = pytest.mark.agents

TIME_LIMIT = 120  # seconds


async def test_the_demo_shows_the_same_session_with_every_agent(agent: Agent, tmp_path: Path):
    prompts = [agent.tool("touch made; echo from-the-tool"), *([agent.ask] if agent.ask else []), agent.hello]
    with trio.fail_after(TIME_LIMIT):
        async with model_server() as http, amp_server() as amp:
            sandbox = Sandbox.make(tmp_path, http.url)
            done = await trio.run_process(
                [sys.executable, *COMMAND[1:], "demo", "--agent", agent.name, *with_option("--prompt", prompts)],
                env=sandbox.environment | dict(agent.prepare(sandbox, Models(http, amp))),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    asked = [question for question, _ in agent.questions]
    for part in ("tool call  ", "the demo allows it once", "from-the-tool", *asked, agent.answer, "stopped cleanly"):
        assert part in shown, shown


def with_option(option: str, values: list[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
