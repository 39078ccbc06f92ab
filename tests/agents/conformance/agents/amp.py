"""Amp, with a fake of its server: it keeps the threads, and asks the model."""

import json
from collections.abc import Mapping

from ...sandbox import Sandbox
from .agent import MCP_SERVER, Agent, Models


def _home(_: Sandbox, models: Models) -> Mapping[str, str]:
    return {"AMP_URL": models.amp.url, "AMP_API_KEY": "sgamp_fake-key-for-tests"}


def _heard(models: Models) -> str:
    """The last thread: one that was not resumed would be another one, without memory."""
    return str([thread.messages for thread in [*models.amp.threads.values()][-1:]])


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
    hang="SCN_SILENT",
    prepare=_home,
    with_mcp=_with_mcp,
    left="'running': True",
    leaves_unseen=True,
    told_server="Method not found",
    ends_on_interrupt=True,
    cannot=frozenset({"planMode", "questions", "status", "streamingDeltas", "itemStarted", "sharedProcess"}),
)
