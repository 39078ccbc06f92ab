"""Codex's models, as `model/list` tells them. The list is its own, so that it needs no network and no login."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from ...api.agent_info import AgentModelInfo
from ..json_lines import decode, elements, line, members, plain
from .launch import DEFAULT_MODEL, initialize
from .wire import Frame, request

MODEL_LIST = "model_list"
"""The request id of a page."""

DEFAULT = AgentModelInfo(DEFAULT_MODEL, "Default")
"""First in every list: what the user has configured counts for a session that names no model."""


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
    :data:`~.native.BAD_JSON`, or ValueError with codex's words when it has no list."""
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
