"""The command as a user runs it: a real process with a private HOME and nothing of ours in its environment."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..patience import PATIENCE
from .forked import can_fork, forks

COMMAND = (sys.executable, "-m", "sandbox_agent.cli.main")
_OPENED = """
from sandbox_agent.actors.machine import own_process
own_process.close_to_others = lambda: None
from sandbox_agent.cli.main import main
main(prog_name="sandbox-agent")
"""
READABLE = (sys.executable, "-c", _OPENED)
"""The same, and a daemon does not close its process: else only root can look into its /proc."""
INTERRUPTIBLE = (
    *(sys.executable, "-c"),
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""What stands before a command so that it hears SIGINT, also when whoever starts it ignores that."""
TIMEOUT = PATIENCE


def private_environment(home: Path, **more: str) -> dict[str, str]:
    """Agents have no namespaces: what these tests show has to hold where there are none. Those of tests/cli/isolation
    have them."""
    level = {"SANDBOX_AGENT_AGENT_ISOLATION": "process"}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **level, **more}


class Commands:
    """Runs commands in one private environment."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = private_environment(home)

    @property
    def token_file(self) -> Path:
        return self.home / ".local" / "state" / "sandbox-agent" / "token"

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        if can_fork(arguments, env or ()):
            return forks().run(arguments, self.environment | dict(env or {}), self.home, stdin, TIMEOUT)
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self.environment | dict(env or {}),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)
