"""Claude Code, with Anthropic's Messages API."""

import json

from ..sandbox import Sandbox
from .agent import MCP_SERVER, Agent, Models


def _with_mcp(sandbox: Sandbox) -> None:
    place = sandbox.home / ".claude"
    place.mkdir()
    command, *args = MCP_SERVER
    servers = {"lab": {"command": command, "args": args}}
    (place / ".claude.json").write_text(json.dumps({"mcpServers": servers}))


CLAUDE = Agent(
    "claude",
    heard=Models.last_request,
    with_mcp=_with_mcp,
    forgets_unanswered=True,
    cannot=frozenset({"sharedProcess"}),
)
