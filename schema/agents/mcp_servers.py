"""The MCP servers of an agent, as far as they do not work: each is told once, and again when that changes."""

from ..bounds import MAX_NAME, MAX_REASON, shortened
from ..items import StatusPart
from .remembered import Remembered

WORKS = "connected"
"""The state of a server that answers. Told of one that did not."""

PENDING = "pending"
"""The state of a server that has not answered yet."""

_MOST = 500
"""Servers that are remembered."""


class McpServers:
    def __init__(self) -> None:
        self._told = Remembered[tuple[str, str]](_MOST)

    def __repr__(self) -> str:
        return f"<McpServers not working: {len(self._told)}>"

    def told(self, server: str, state: str, reason: str | None = None) -> StatusPart | None:
        """None when there is nothing new. ``state`` is the agent's word for it, and the end of the label."""
        name, state = shortened(server, MAX_NAME), shortened(state.replace("-", "_"), MAX_NAME)
        reason = shortened(reason or "", MAX_REASON)
        if state == WORKS:
            return StatusPart(f"mcp.{WORKS}", name) if self._told.pop(name) is not None else None
        if self._told.get(name) == (state, reason):
            return None
        self._told.put(name, (state, reason), len(state) + len(reason))
        return StatusPart(f"mcp.{state}", f"{name}: {reason}" if reason else name)
