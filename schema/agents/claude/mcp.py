"""Claude's MCP servers that do not work.

``system/init`` names them at the start of each turn without a reason; the reason is asked for. Of one that does not
answer claude says nothing by itself, so it is asked for again when the turn ends.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ...items import StatusPart
from ..effects import Effect, ItemCompleted, Write
from ..json_lines import MOST_PARTS, as_text, elements, line, members, plain
from ..mcp_servers import PENDING, WORKS, McpServers
from ..names import Names
from .wire import ControlAnswer

REQUEST = "mcp_status"
"""How the ids of our requests begin, and claude's word for them."""

_FINE = (WORKS, "disabled")

_SILENT = "it has not answered yet"


class ClaudeMcp:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._servers = McpServers()
        self._seen: list[tuple[str, str]] = []
        self._requests = 0
        self._in_turn = False

    def __repr__(self) -> str:
        return f"<ClaudeMcp {self._servers!r} requests={self._requests}>"

    def turn_began(self, told: Any) -> Iterator[Effect]:
        """``told`` is what ``system/init`` says of them."""
        self._in_turn = True
        seen = [(name, state) for name, state, _ in _servers(told)]
        if seen == self._seen:
            return
        self._seen = seen
        if any(state not in (*_FINE, PENDING) for _, state in seen):
            yield self._ask()
        else:
            yield from self._tell((name, state, None) for name, state in seen)

    def turn_ended(self) -> Iterator[Effect]:
        self._in_turn = False
        if any(state == PENDING for _, state in self._seen):
            yield self._ask()

    def answered(self, answer: ControlAnswer) -> Iterator[Effect]:
        """The answer holds the servers' configurations, and with them perhaps secrets: none of it is shown."""
        facts = members(plain(answer.response)) if answer.subtype == "success" else {}
        yield from self._tell(_servers(facts.get("mcpServers")) or [(name, state, None) for name, state in self._seen])

    def _tell(self, servers: Iterable[tuple[str, str, str | None]]) -> Iterator[Effect]:
        for name, state, reason in servers:
            if state == "disabled" or (state == PENDING and self._in_turn):
                continue
            part = self._servers.told(name, state, _SILENT if state == PENDING else reason)
            if part is not None:
                yield self._item(part)

    def _item(self, part: StatusPart) -> Effect:
        return ItemCompleted(self._names.give(REQUEST), "status", "system", (part,))

    def _ask(self) -> Write:
        self._requests += 1
        request = {"subtype": REQUEST}
        return Write(line({"type": "control_request", "request_id": f"{REQUEST}_{self._requests}", "request": request}))


def _servers(told: Any) -> list[tuple[str, str, str | None]]:
    """The name, the state and the error of each."""
    found: list[tuple[str, str, str | None]] = []
    for server in elements(told)[:MOST_PARTS]:
        match server:
            case {"name": str(name), "status": str(state), **rest}:
                reason = rest.get("error")
                found.append((name, state, None if reason is None else as_text(reason)))
            case _:
                pass
    return found
