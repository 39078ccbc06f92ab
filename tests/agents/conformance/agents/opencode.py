"""OpenCode, with OpenAI's chat completions."""

import json
from collections.abc import Mapping
from shlex import quote

from ...sandbox import Sandbox
from .agent import MCP_SERVER, USAGE, Agent, Models


def _with_mcp(sandbox: Sandbox) -> None:
    path = sandbox.home / ".config" / "opencode" / "opencode.json"
    configuration = json.loads(path.read_text())
    configuration["mcp"] = {"lab": {"type": "local", "command": list(MCP_SERVER)}}
    path.write_text(json.dumps(configuration))


def _experimental(_: Sandbox, __: Models) -> Mapping[str, str]:
    """What a user may have on, and is off for us."""
    return {"OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS": "true"}


OPENCODE = Agent(
    "opencode",
    heard=Models.last_request,
    # Chat completions have no name for what was written to the cache.
    usage=USAGE | {"cache_write_tokens": 0, "reasoning_tokens": 0},
    prepare=_experimental,
    with_mcp=_with_mcp,
    leave=lambda command: f"SCN_HELPER SCN_BASH {quote(command)}",
    left="Background subagents require OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS",
    told_server="Method not found",
    cannot=frozenset({"sharedProcess"}),
)
