"""Codex, with OpenAI's Responses API. It runs commands in a sandbox of its own, and asks for leave to leave it."""

from ...codex.home import with_mcp_server
from .agent import Agent, Models, scripted


def _heard(models: Models) -> str:
    return str([body["input"] for body in models.http.asked()[-1:]])


CODEX = Agent(
    "codex",
    heard=_heard,
    tool=scripted("SCN_ESCALATE"),
    background="commandExecution",
    questions=(("Which color?", False), ("Which size?", False)),
    with_mcp=lambda sandbox: with_mcp_server(sandbox.home),
    cannot=frozenset({"sharedProcess"}),
)
