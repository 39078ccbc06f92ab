"""Amp, with a fake of its server: it keeps the threads, and asks the model."""

import json
from collections.abc import Mapping

from ..sandbox import Sandbox
from .agent import MCP_SERVER, Agent, Models


def _home(_: Sandbox, models: Models) -> Mapping[str, str]:
    return {"AMP_URL": models.amp.url, "AMP_API_KEY": "sgamp_fake-key-for-tests"}


def _heard(models: Models) -> str:
    """The only thread that there is: one that was not resumed would be a second."""
    return str(models.amp.thread.messages)


def _with_mcp(sandbox: Sandbox) -> None:
    place = sandbox.home / ".config" / "amp"
    place.mkdir(parents=True)
    command, *args = MCP_SERVER
    settings = {"amp.mcpServers": {"lab": {"command": command, "args": args}}}
    (place / "settings.json").write_text(json.dumps(settings))


AMP = Agent(
    "amp",
    heard=_heard,
    ask=None,
    questions=(),
    fail="SCN_FAIL",
    prepare=_home,
    with_mcp=_with_mcp,
    cannot=frozenset({"planMode", "questions", "status", "streamingDeltas", "itemStarted", "sharedProcess"}),
)
