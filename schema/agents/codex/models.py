"""Codex's models, as `model/list` tells them. The list is its own, so that it needs no network and no login."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from ...api.agent_info import AgentModelInfo, AgentModelsResponse
from ..definition import DEFAULT
from ..json_lines import BAD_JSON, decode, elements, line, members, plain
from .launch import initialize
from .wire import Frame, request

MODEL_LIST = "model_list"
"""The request id of a page."""

MAX_PAGES = 100
"""More than any list has: a server that always names another page must not keep us for ever."""


@frozen
class ModelPage:
    """``next_cursor`` asks for the next page; None after the last."""

    models: tuple[AgentModelInfo, ...]
    next_cursor: str | None


def model_requests() -> tuple[bytes, bytes]:
    """What to write to a fresh `codex app-server`. It answers in order; see :func:`read_page`."""
    return line(initialize()), next_page_request()


def next_page_request(cursor: str | None = None) -> bytes:
    return line(request(MODEL_LIST, "model/list", cursor=cursor))


def read_page(said: bytes) -> ModelPage | None:
    """The page that a line of codex's stdout holds; None if it is another line. Raises one of
    :data:`BAD_JSON`, or ValueError with codex's words when it has no list."""
    frame = decode(said, Frame)
    if frame.method or frame.id != MODEL_LIST:
        return None
    if frame.error is not None:
        raise ValueError(str(members(frame.error).get("message") or frame.error))
    result = members(plain(frame.result))
    cursor = result.get("nextCursor")
    return ModelPage(models(result), cursor if isinstance(cursor, str) else None)


def models(result: Any) -> tuple[AgentModelInfo, ...]:
    """A page's models, without those that codex hides from its own picker."""
    return tuple(_models(result))


def _models(result: Any) -> Iterator[AgentModelInfo]:
    for said in elements(members(result).get("data")):
        match said:
            case {"id": str(model), "hidden": True}:
                pass
            case {"id": str(model)}:
                default = said.get("defaultReasoningEffort")
                efforts = [
                    effort
                    for option in elements(said.get("supportedReasoningEfforts"))
                    if isinstance(effort := members(option).get("reasoningEffort"), str)
                ]
                name = said.get("displayName")
                yield AgentModelInfo(
                    model,
                    name if isinstance(name, str) else None,
                    tuple(efforts) or None,
                    default if isinstance(default, str) else None,
                )
            case _:
                pass


class CodexModelTalk:
    """The list page by page, from a `codex app-server` of its own."""

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
