"""OpenCode, with OpenAI's chat completions."""

from .agent import Agent, Models

OPENCODE = Agent("opencode", heard=Models.last_request, cannot=frozenset({"sharedProcess"}))
