"""The demo with the real Claude Code, against the scripted model server."""

import sys

import pytest
import trio

from ..agents.sandbox import Sandbox
from ..models.server import model_server
from .commands import COMMAND

pytestmark = pytest.mark.agents

PROMPTS = ("SCN_BASH touch made-by-a-tool", "SCN_ASK", "SCN_HELLO again")


async def test_the_demo_shows_a_session_of_claude(tmp_path_factory: pytest.TempPathFactory) -> None:
    with trio.fail_after(120):
        async with model_server() as models:
            sandbox = Sandbox.make(tmp_path_factory.mktemp("demo"), models.url)
            prompts = [word for prompt in PROMPTS for word in ("--prompt", prompt)]
            done = await trio.run_process(
                [sys.executable, *COMMAND[1:], "demo", "--agent", "claude", *prompts],
                env=sandbox.environment,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    for part in ("tool call  Bash", "made-by-a-tool", "the demo allows it once", "Which color?", "from the model."):
        assert part in shown, shown
