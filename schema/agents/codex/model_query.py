"""Codex's list of models, page by page, from a `codex app-server` of its own."""

from ...api.agent_info import AgentModelInfo, AgentModelsResponse
from ..json_lines import BAD_JSON
from .models import DEFAULT, model_requests, next_page_request, read_page

MAX_PAGES = 100
"""More than any list has: a server that always names another page must not keep us for ever."""


class CodexModelTalk:
    arguments = ("app-server", "--disable", "plugins")

    def __init__(self) -> None:
        self._models: list[AgentModelInfo] = []
        self._pages = 0
        self._state = "asking"

    def __repr__(self) -> str:
        return f"<CodexModelTalk {self._state} pages={self._pages} models={len(self._models)}>"

    def begin(self) -> bytes:
        return b"".join(model_requests())

    def receive(self, line: bytes) -> bytes:
        try:
            page = read_page(line)
        except BAD_JSON:
            return b""
        except ValueError:
            self._state = "refused"
            return b""
        if page is None or self._state != "asking":
            return b""
        self._models += page.models
        self._pages += 1
        if page.next_cursor is not None and self._pages < MAX_PAGES:
            return next_page_request(page.next_cursor)
        self._state = "done"
        return b""

    def known(self, *, ended: bool) -> AgentModelsResponse | None:
        """The first is what the user has configured: it is what a session gets that names none."""
        if self._state != "done" or not self._models:
            return None
        return AgentModelsResponse((DEFAULT, *self._models), DEFAULT.id)
