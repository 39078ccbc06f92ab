"""The calls to opencode's server, and what it answers."""

from typing import Any
from urllib.parse import quote

import msgspec

from ...events import ErrorData
from ..dialect import HttpResponse
from ..effects import CallHttp
from ..json_lines import BAD_JSON, members, plain
from .status import error


def session_path(session_id: str | None, *rest: str) -> str:
    return "/".join(["/session", quote(session_id or "", safe=""), *rest])


def call(call_id: str, method: Any, path: str, body: Any = None, *, aside: bool = False) -> CallHttp:
    return CallHttp(call_id, method, path, None if body is None else msgspec.json.encode(body), aside=aside)


def body_of(response: HttpResponse) -> Any:
    """The answer's JSON; nothing when there is none, as when a proxy or a crash answered."""
    try:
        return plain(response.body)
    except BAD_JSON:
        return None


def refused(response: HttpResponse, code: str) -> ErrorData:
    facts = body_of(response)
    said = error(facts, code).message if facts is not None else response.reason or f"HTTP {response.status}"
    return ErrorData(said, code, {"status": response.status or None, "answer": facts, "retryable": False})


def is_busy(statuses: Any, session_id: str | None) -> bool:
    """Sessions that are idle are not listed."""
    return members(members(statuses).get(session_id or "")).get("type") in ("busy", "retry")
