"""A private home for one test: nothing of the user's configuration, credentials or history is read or written."""

import os
from pathlib import Path

import trio
from attrs import frozen

from .codex.home import codex_home
from .install import BIN, executable
from .opencode.home import opencode_home

POLL = 0.01  # seconds; nothing tells us of a new file or process

FAKE_KEY = "sk-ant-fake-key-for-tests"

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63f8cfc0f01f000500"
    "01ff56c72f0d0000000049454e44ae426082"
)
"""A picture of one pixel."""


@frozen
class Sandbox:
    home: Path
    work: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, root: Path, model_url: str) -> "Sandbox":
        """``model_url`` is where the agents find their model. Raises when a pinned agent is not installed."""
        executable("claude")
        home, work, temporary = root / "home", root / "work", root / "tmp"
        for place in (home, work, temporary):
            place.mkdir()
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(temporary),  # beside the home: codex makes its helpers in no home below it
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": model_url,
            "ANTHROPIC_API_KEY": FAKE_KEY,
            "CLAUDE_CONFIG_DIR": str(home / ".claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",  # of 10, which take minutes
            **codex_home(home, model_url),
            **opencode_home(home, model_url),
        }
        return cls(home, work, environment)

    async def made(self, name: str) -> None:
        """Wait until a command of the agent has made this file: the sign that the command runs."""
        while not await trio.Path(self.work, name).exists():
            await trio.sleep(POLL)
