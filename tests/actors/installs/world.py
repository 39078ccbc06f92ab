"""A machine to install on: a private home, and a program ``npm`` that does what the test says.

The real npm is driven by tests/agents/test_install.py; this one fails in ways that the real one cannot be told to.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from sandbox_agent.actors.installs.job import InstallRequest, InstallTools
from sandbox_agent.actors.installs.npm_packages import PACKAGES
from sandbox_agent.actors.installs.platform import this_platform
from sandbox_agent.actors.installs.versions import Installed, InstalledVersions
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

LIMIT = PATIENCE  # seconds for any one test
POLL = 0.01  # seconds; nothing tells us of a new file or process

VERSION = "1.2.3"

NPM = """\
#!{python}
import json, os, subprocess, sys, time
from pathlib import Path

here = Path(__file__).parent
tree = Path(sys.argv[sys.argv.index("--prefix") + 1])
package, _, version = sys.argv[-1].rpartition("@")
with (here / "calls").open("a") as calls:
    calls.write(json.dumps({{"package": package, "version": version, "args": sys.argv[1:]}}) + "\\n")
plan = json.loads((here / "plan.json").read_text())
for path, text in plan["files"].items():
    program = tree / "node_modules" / path
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text.replace("VERSION", version))
    program.chmod(0o755)
if plan["hang"]:
    # A descendant that left its session and ignores SIGTERM: the worst that a helper of npm could do.
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600"], start_new_session=True)
    (here / "started").write_text(f"{{os.getpid()}} {{child.pid}}")
    while not (here / "go").exists():
        time.sleep(0.01)
sys.stderr.write(plan["stderr"])
sys.exit(plan["status"])
"""

PROGRAM = """\
#!/bin/sh
if [ "$1" = --version ]; then echo "VERSION (an agent)"; exit 0; fi
while read -r line; do :; done
"""


class World:
    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.data = root / "data"
        self.bin.mkdir()
        self.environment = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "ANTHROPIC_API_KEY": "sk-ant-fake-key-for-tests",
        }
        npm = self.bin / "npm"
        npm.write_text(NPM.format(python=sys.executable))
        npm.chmod(0o755)
        self.plan()

    def plan(
        self,
        *,
        agent: str = "claude",
        program: str | None = PROGRAM,
        wrapper: str | None = None,
        builds: Sequence[str] = (),
        status: int = 0,
        stderr: str = "",
        hang: bool = False,
    ) -> None:
        """What npm does from now on. ``program`` is the native one, ``wrapper`` the package's own command, ``builds``
        the packages of platforms that it names."""
        native, *_, command = PACKAGES[agent].paths(this_platform())
        files = {path: text for path, text in ((native, program), (command, wrapper)) if text is not None}
        described = json.dumps({"optionalDependencies": dict.fromkeys(builds, VERSION)})
        files[f"{PACKAGES[agent].npm.name}/package.json"] = described
        plan = {"files": files, "status": status, "stderr": stderr, "hang": hang}
        draft = self.bin / "plan.new"
        draft.write_text(json.dumps(plan))
        draft.replace(self.bin / "plan.json")

    def calls(self) -> list[dict[str, Any]]:
        path = self.bin / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def hanging(self) -> list[int]:
        """Wait until npm hangs; the ids of its processes."""
        while not (text := _read(self.bin / "started")):
            await trio.sleep(POLL)
        return [int(pid) for pid in text.split()]

    def go(self) -> None:
        (self.bin / "go").touch()

    def settings(self, **more: Any) -> Settings:
        return Settings(data_dir=str(self.data), ephemeral=True, **more)

    def workshop(self, **settings: Any) -> InstallTools:
        table = ProcessTable()
        return InstallTools(self.settings(**settings), self.environment, table, table.marker)

    def store(self, agent: str = "claude") -> InstalledVersions:
        return InstalledVersions(self.data, agent)

    def trees(self, agent: str = "claude") -> list[str]:
        trees = self.store(agent).trees
        return sorted(path.name for path in trees.iterdir()) if trees.is_dir() else []

    async def install(
        self, version: str = VERSION, *, agent: str = "claude", settings: dict[str, Any] | None = None, **wanted: Any
    ) -> Installed:
        return await self.workshop(**(settings or {})).install(InstallRequest(agent, version, **wanted), quietly)


def quietly(phase: str, percent: int | None) -> None:
    return


def said(installed: Installed) -> str:
    """What the program says of itself, read without running it."""
    return installed.program.read_text().split('"')[3].split()[0]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
