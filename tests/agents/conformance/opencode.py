"""OpenCode, with OpenAI's chat completions."""

import json

from ..sandbox import Sandbox
from .agent import MCP_SERVER, USAGE, Agent, Models


def _with_mcp(sandbox: Sandbox) -> None:
    path = sandbox.home / ".config" / "opencode" / "opencode.json"
    configuration = json.loads(path.read_text())
    configuration["mcp"] = {"lab": {"type": "local", "command": list(MCP_SERVER)}}
    path.write_text(json.dumps(configuration))


OPENCODE = Agent(
    "opencode",
    heard=Models.last_request,
    # Chat completions have no name for what was written to the cache.
    usage=USAGE | {"cache_write_tokens": 0, "reasoning_tokens": 0},
    with_mcp=_with_mcp,
    told_server="Method not found",
    cannot=frozenset({"sharedProcess"}),
)
