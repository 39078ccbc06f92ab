"""Claude Code, with Anthropic's Messages API."""

from ...claude.home import with_mcp_server
from .agent import Agent, Models

CLAUDE = Agent(
    "claude",
    heard=Models.last_request,
    with_mcp=lambda sandbox: with_mcp_server(sandbox.home),
    background="local_bash",
    forgets_unanswered=True,
    cannot=frozenset({"sharedProcess"}),
)
