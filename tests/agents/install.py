"""Install the pinned agents with our own installer into `.cache/agents`: `python -m tests.agents.install`. Twice is as
good as once. Tests find them on PATH, by links that have the agents' plain names.

With AGENTS_UNDER_TEST the agents are those of another directory, see `newest.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

from sandbox_agent.actors.installs.versions import InstalledVersions
from sandbox_agent.schema.agents.definitions import PINNED

ROOT = Path(__file__).parents[2]

PREFIX_VARIABLE = "AGENTS_UNDER_TEST"

PREFIX = Path(os.environ.get(PREFIX_VARIABLE) or ROOT / ".cache" / "agents")
BIN = PREFIX / "bin"


def versions() -> dict[str, str]:
    return dict(PINNED)


def executable(agent: str) -> Path:
    """The pinned program; raises with the remedy when it is not installed."""
    program = BIN / agent
    if not program.exists():
        raise FileNotFoundError(f"{agent} {PINNED[agent]} is not installed: run `make agents` (wants {program})")
    return program


def install(agent: str, version: str, prefix: Path = PREFIX) -> None:
    """Raises with what the installer said."""
    command = [sys.executable, "-m", "sandbox_agent.cli.main", "install-agent", agent]
    command += ["--data-dir", str(prefix), "--agent-version", version]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr.rpartition("Error: ")[2])
    installed = InstalledVersions(prefix, agent).find(version)
    assert installed is not None
    _link(prefix / "bin" / agent, installed.program)


def _link(link: Path, program: Path) -> None:
    """Replaced in one step: a test that is running must never find it missing."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(program)
    fresh.replace(link)


def main() -> int:
    for agent, version in PINNED.items():
        install(agent, version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
