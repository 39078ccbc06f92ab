"""Claude Code, with Anthropic's Messages API."""

from .agent import Agent, Models

CLAUDE = Agent("claude", heard=Models.last_request, cannot=frozenset({"sharedProcess"}))
