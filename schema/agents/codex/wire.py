"""The lines of `codex app-server`, as far as we read them: JSON-RPC without its version member (captured from 0.171.0).

Requests go both ways and each side counts its own ids, so a line with a ``method`` and an ``id`` is codex's request and
one with an ``id`` alone answers ours. Ours are words, which tell what is answered. Only what the dialect needs is
declared; what may change its shape without harm is ``Any``.
"""

from typing import Any

from msgspec import Raw, Struct

RequestId = int | str

METHOD_NOT_FOUND = -32601
"""JSON-RPC's code for a request that we do not serve."""


class Frame(Struct):
    method: str = ""
    id: RequestId | None = None
    params: Raw = Raw(b"{}")
    result: Raw = Raw(b"null")
    error: Any = None


class DeltaParams(Struct, rename="camel"):
    item_id: str
    delta: str
    thread_id: str = ""
    turn_id: str = ""


class ItemParams(Struct, rename="camel"):
    """``item`` stays plain: its members go by its ``type``, and there are twenty types. It has an ``id``."""

    thread_id: str
    item: dict[str, Any]
    turn_id: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.item.get("id"), str) or not isinstance(self.item.get("type"), str):
            raise ValueError("an item without id or type")


class TurnParams(Struct, rename="camel"):
    thread_id: str
    turn: dict[str, Any]


class ErrorParams(Struct, rename="camel"):
    error: dict[str, Any]
    thread_id: str = ""
    will_retry: bool = False


class ResolvedParams(Struct, rename="camel"):
    request_id: RequestId


class UsageParams(Struct, rename="camel"):
    thread_id: str
    turn_id: str
    token_usage: dict[str, Any]


class ThreadResult(Struct):
    """The answer to `thread/start` and `thread/resume`. ``model`` is the one that codex settled on."""

    thread: dict[str, Any]
    model: Any = None


class TurnResult(Struct):
    turn: dict[str, Any]


def request(request_id: str, method: str, **params: Any) -> dict[str, Any]:
    return {"id": request_id, "method": method, "params": params}


def answer(request_id: RequestId, result: Any) -> dict[str, Any]:
    return {"id": request_id, "result": result}


def refusal(request_id: RequestId, message: str) -> dict[str, Any]:
    return {"id": request_id, "error": {"code": METHOD_NOT_FOUND, "message": message}}
