"""What codex says went wrong."""

from typing import Any

from ...events import ErrorData
from ..json_lines import BAD_JSON, as_text, members, plain

_OF_THE_API = frozenset({
    "badRequest", "contextWindowExceeded", "flexUnavailable", "httpConnectionFailed", "internalServerError",
    "modelNotFound", "rateLimitExceeded", "responseStreamConnectionFailed", "responseStreamDisconnected",
    "responseTooManyFailedAttempts", "serverOverloaded", "unauthorized", "usageLimitExceeded",
})  # fmt: skip
"""Kinds of errors whose source is the model's API; not all of them tell an HTTP status."""


def error_data(error: dict[str, Any], *, retryable: bool) -> ErrorData:
    """``codexErrorInfo`` is a word, or a word with its facts: ``{"httpConnectionFailed": {"httpStatusCode": 401}}``."""
    info = error.get("codexErrorInfo")
    kind, facts = next(iter(members(info).items()), (info, None))
    status = members(facts).get("httpStatusCode")
    message = as_text(error.get("message") or "codex reports an error without words")
    refused = _refusal(message)
    code = "api_error" if refused or (isinstance(kind, str) and kind in _OF_THE_API) else "agent_error"
    message = refused or message
    if more := error.get("additionalDetails"):
        message = f"{message}: {as_text(more)}"
    return ErrorData(message, code, {"status": status, "kind": kind, "retryable": retryable})


def _refusal(message: str) -> str | None:
    """What the API said when it refused the request (HTTP 400): codex passes its whole answer on as the message."""
    try:
        said = plain(message.encode()) if message.startswith("{") else None
    except BAD_JSON:
        return None
    refused = members(members(said).get("error")).get("message")
    return refused if isinstance(refused, str) and refused else None


def rpc_error(error: Any, code: str, *, retryable: bool = False) -> ErrorData:
    """The answer to a request of ours that codex did not carry out."""
    said = members(error)
    message = as_text(said.get("message") or error)
    return ErrorData(message, code, {"jsonrpc_code": said.get("code"), "retryable": retryable})
