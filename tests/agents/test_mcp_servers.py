"""MCP servers that do not work: each agent tells which and why, also of one that never answers, and tells it once."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.items import StatusPart

from .driver import Driver, driving, outcome, parts
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

ABSENT = ["/nonexistent/server"]
SILENT = [sys.executable, "-c", "import time; time.sleep(600)"]
"""It runs, and never answers."""

LIMIT = 1  # seconds that an agent waits for a server
SECRET = "a-secret-of-the-server"


def _claude(sandbox: Sandbox) -> None:
    servers = {
        name: {"command": command, "args": args, "env": {"KEY": SECRET}}
        for name, (command, *args) in (("absent", ABSENT), ("silent", SILENT))
    }
    place = Path(sandbox.environment["CLAUDE_CONFIG_DIR"])
    place.mkdir(exist_ok=True)
    (place / ".claude.json").write_text(json.dumps({"mcpServers": servers}))
    sandbox.environment["MCP_TIMEOUT"] = str(LIMIT * 1000)


def _codex(sandbox: Sandbox) -> None:
    with (sandbox.home / ".codex" / "config.toml").open("a") as config:
        for name, (command, *args) in (("absent", ABSENT), ("silent", SILENT)):
            config.write(f"\n[mcp_servers.{name}]\ncommand = {json.dumps(command)}\nargs = {json.dumps(args)}\n")
            config.write(f"startup_timeout_sec = {LIMIT}\nenv = {{ KEY = '{SECRET}' }}\n")


def _opencode(sandbox: Sandbox) -> None:
    path = sandbox.home / ".config" / "opencode" / "opencode.json"
    servers: dict[str, Any] = {
        name: {"type": "local", "command": command, "timeout": LIMIT * 1000, "environment": {"KEY": SECRET}}
        for name, command in (("absent", ABSENT), ("silent", SILENT))
    }
    servers["off"] = {"type": "local", "command": ABSENT, "enabled": False}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mcp": servers}))


AGENTS = {
    "claude": (_claude, partial(driving, Claude, executable=("claude",))),
    "codex": (_codex, partial(driving, Codex, executable=("codex",))),
    "opencode": (_opencode, partial(driving, OpenCode, executable=("opencode",), seed="a-password")),
}


def told(driver: Driver, label: str) -> list[str]:
    return [part.detail or "" for part in parts(driver.events, StatusPart) if part.label == label]


@pytest.fixture(params=AGENTS)
def agent(request: pytest.FixtureRequest) -> tuple[Callable[[Sandbox], None], Any]:
    return AGENTS[request.param]


async def test_a_server_that_does_not_work_is_told_once_with_its_name_and_the_reason(
    agent: tuple[Callable[[Sandbox], None], Any], sandbox: Sandbox
):
    configure, drive = agent
    configure(sandbox)
    async with drive(sandbox) as driver:
        assert outcome(await driver.turn("SCN_HELLO")) == "completed"
        await driver.until(lambda: any(words.startswith("absent: ") for words in told(driver, "mcp.failed")))
        while not (silent := [words for words in told(driver, "mcp.failed") if words.startswith("silent: ")]):
            await driver.turn("SCN_HELLO")  # claude tells it with a turn
        await driver.turn("SCN_HELLO")
        (absent,) = (words for words in told(driver, "mcp.failed") if words.startswith("absent: "))
        assert "o such file or directory" in absent
        assert "timed out" in silent[0]
        assert len(told(driver, "mcp.failed")) == 2, "once, and not with each turn"
        assert [event for event in driver.events if event.type == "agent.unparsed"] == []
        assert SECRET not in repr(driver.events), "how a server is configured is not told"


async def test_claude_tells_of_a_server_that_has_not_answered_when_its_turn_ends(sandbox: Sandbox):
    _claude(sandbox)
    sandbox.environment["MCP_TIMEOUT"] = "600000"
    async with driving(Claude, sandbox) as driver:
        await driver.turn("SCN_HELLO")
        await driver.until(lambda: told(driver, "mcp.pending"))
        await driver.turn("SCN_HELLO")
        await driver.turn("SCN_HELLO")
        assert told(driver, "mcp.pending") == ["silent: it has not answered yet"]
