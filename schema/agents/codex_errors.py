"""What codex says went wrong."""

from typing import Any

from ..events import ErrorData
from .native import as_text, members

_OF_THE_API = frozenset({
    "badRequest", "contextWindowExceeded", "flexUnavailable", "internalServerError", "modelNotFound",
    "rateLimitExceeded", "serverOverloaded", "unauthorized", "usageLimitExceeded",
})  # fmt: skip
"""Kinds of errors that the model's API is the source of, though codex tells no HTTP status with them."""


def error_data(error: dict[str, Any], *, retryable: bool) -> ErrorData:
    """``codexErrorInfo`` is a word, or a word with its facts: ``{"httpConnectionFailed": {"httpStatusCode": 401}}``."""
    info = error.get("codexErrorInfo")
    kind, facts = next(iter(members(info).items()), (info, None))
    status = members(facts).get("httpStatusCode")
    code = "api_error" if status is not None or (isinstance(kind, str) and kind in _OF_THE_API) else "agent_error"
    message = as_text(error.get("message") or "codex reports an error without words")
    if more := error.get("additionalDetails"):
        message = f"{message}: {as_text(more)}"
    return ErrorData(message, code, {"status": status, "kind": kind, "retryable": retryable})


def rpc_error(error: Any, code: str, *, retryable: bool = False) -> ErrorData:
    """The answer to a request of ours that codex did not carry out."""
    said = members(error)
    message = as_text(said.get("message") or error)
    return ErrorData(message, code, {"jsonrpc_code": said.get("code"), "retryable": retryable})
