"""What opencode tells of itself beside its turns: its MCP servers, and the name of the conversation."""

from collections.abc import Iterator
from typing import Any

from ...bounds import MAX_TITLE, shortened
from ..effects import CallHttp, Effect
from ..json_lines import MOST_PARTS, as_text, members
from ..mcp_servers import McpServers
from ..names import Names
from .http import call
from .status import status

MCP = "mcp"
"""The call that asks for the servers."""

_OFF = "disabled"


class News:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._servers = McpServers()
        self._title: str | None = None
        self._asked_in = 0

    def __repr__(self) -> str:
        return f"<News {self._servers!r} {self._title!r}>"

    def ask(self) -> CallHttp:
        """Not before opencode has started them: until then the call, and whatever waits behind it, gets no answer."""
        return call(MCP, "GET", "/mcp")

    def model_asked(self, turn: int) -> Iterator[Effect]:
        """The model is asked in that turn, so its tools are there or will not come."""
        if turn != self._asked_in:
            self._asked_in = turn
            yield self.ask()

    def servers(self, said: Any, raw: bytes) -> Iterator[Effect]:
        for name, facts in list(members(said).items())[:MOST_PARTS]:
            state, reason = members(facts).get("status"), members(facts).get("error")
            if not isinstance(state, str) or state == _OFF:
                continue
            part = self._servers.told(name, state, None if reason is None else as_text(reason))
            if part is not None:
                yield status(part.label, part.detail, self._names.give(MCP), None, raw)

    def browser(self, said: Any, native_id: str, raw: bytes) -> Effect:
        """A server waits for its user to log in, and opencode has found no browser to show the page with."""
        facts = members(said)
        detail = f"{as_text(facts.get('mcpName'))}: {as_text(facts.get('url'))}"
        return status("mcp.browser_open_failed", detail, native_id, None, raw)

    def began(self, title: Any) -> None:
        """The conversation is opened; a name that it has already is no news."""
        self._title = _bounded(title)

    def titled(self, title: Any, native_id: str, raw: bytes) -> Iterator[Effect]:
        """Told again with whatever changes of the session."""
        if (name := _bounded(title)) is not None and name != self._title:
            self._title = name
            yield status("session_title_changed", name, native_id, None, raw)


def _bounded(title: Any) -> str | None:
    return shortened(title, MAX_TITLE) if isinstance(title, str) else None
