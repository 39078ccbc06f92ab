"""Problems: every refusal and failure that the API can answer (RFC 9457; types of wire 0.1, section 1).

A :class:`Problem` is raised where the fault is found, also inside an actor, and has all that the HTTP answer needs. Its
status says where the fault is: with the caller (4xx), or with the agent or the daemon (5xx). Each function below is
one problem; a new one is one more function, and problems are made nowhere else.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from .fields import optional

URN = "urn:sandbox-agent:error:"

ErrorType = Literal[
    "invalid_request",
    "unsupported_agent",
    "agent_not_installed",
    "install_failed",
    "agent_process_exited",
    "token_invalid",
    "permission_denied",
    "session_not_found",
    "session_already_exists",
    "mode_not_supported",
    "stream_error",
    "timeout",
]
"""The types of wire 0.1; the others below are ours."""


@frozen
class ProblemDetails:
    type: str
    title: str
    status: int
    detail: str | None = optional()
    instance: str | None = optional()


@define(eq=False)
class Problem(Exception):
    """``extensions`` are members of the body beside the five of RFC 9457, in the wire's camelCase."""

    kind: str
    status: int
    title: str
    detail: str
    extensions: Mapping[str, Any] = field(factory=dict[str, Any])
    headers: Mapping[str, str] = field(factory=dict[str, str])

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        base = {"type": URN + self.kind, "title": self.title, "status": self.status, "detail": self.detail}
        return base | dict(self.extensions)

    def __str__(self) -> str:
        return self.detail


def invalid_request(message: str, **details: Any) -> Problem:
    extensions = {"details": details} if details else {}
    return Problem("invalid_request", 400, "Invalid Request", f"invalid request: {message}", extensions)


def unprocessable(message: str, **details: Any) -> Problem:
    """The body is well-formed JSON of the wrong shape. Wire 0.1 answers it 422, as its framework does."""
    extensions = {"details": details} if details else {}
    return Problem("invalid_request", 422, "Invalid Request", f"invalid request: {message}", extensions)


def unsupported_agent(agent: str, known: tuple[str, ...] = ()) -> Problem:
    mend = f" (known agents: {', '.join(known)})" if known else ""
    return Problem("unsupported_agent", 400, "Unsupported Agent", f"unsupported agent: {agent}{mend}", {"agent": agent})


def agent_not_installed(agent: str, message: str | None = None) -> Problem:
    extensions: dict[str, Any] = {"agent": agent}
    if message:
        extensions["details"] = {"message": message}
    return Problem("agent_not_installed", 404, "Agent Not Installed", f"agent not installed: {agent}", extensions)


def install_failed(agent: str, reason: str) -> Problem:
    return Problem(
        "install_failed",
        500,
        "Install Failed",
        f"install failed: {agent}",
        {"agent": agent, "details": {"stderr": reason}},
    )


def credentials_missing(
    agent: str, remedy: str, variables: tuple[str, ...], files: tuple[str, ...], troubles: tuple[str, ...] = ()
) -> Problem:
    """The agent could not work. 424, because 401 is about the token of our own API, which was valid."""
    details: dict[str, Any] = {"remedy": remedy, "variables": list(variables), "files": list(files)}
    return Problem(
        "credentials_missing",
        424,
        "Credentials Missing",
        f"credentials missing: {agent}: {remedy}",
        {"agent": agent, "details": details | ({"troubles": list(troubles)} if troubles else {})},
    )


def agent_process_exited(agent: str, exit_code: int | None, stderr: str | None) -> Problem:
    details = {k: v for k, v in {"exitCode": exit_code, "stderr": stderr}.items() if v is not None}
    return Problem(
        "agent_process_exited",
        500,
        "Agent Process Exited",
        f"agent process exited: {agent}",
        {"agent": agent, "details": details},
    )


def token_invalid(message: str = "missing or invalid token") -> Problem:
    return Problem(
        "token_invalid",
        401,
        "Token Invalid",
        "token invalid",
        {"details": {"message": message}},
        {"WWW-Authenticate": 'Bearer realm="sandbox-agent"'},
    )


def permission_denied(message: str) -> Problem:
    return Problem(
        "permission_denied", 403, "Permission Denied", "permission denied", {"details": {"message": message}}
    )


def insufficient_scope(token: str, needed: str, held: Iterable[str]) -> Problem:
    """``token`` is its name. The header is that of RFC 6750, section 3.1."""
    has = tuple(held)
    detail = f"insufficient scope: this needs the scope {needed!r}, and token {token!r} has {', '.join(has) or 'none'}"
    challenge = f'Bearer realm="sandbox-agent", error="insufficient_scope", scope="{needed}"'
    extensions = {"token": token, "scope": needed, "scopes": list(has)}
    return Problem("insufficient_scope", 403, "Insufficient Scope", detail, extensions, {"WWW-Authenticate": challenge})


def session_not_found(session_id: str) -> Problem:
    return Problem(
        "session_not_found",
        404,
        "Session Not Found",
        f"session not found: {session_id}",
        {"sessionId": session_id},
    )


def session_already_exists(session_id: str) -> Problem:
    return Problem(
        "session_already_exists",
        409,
        "Session Already Exists",
        f"session already exists: {session_id}",
        {"sessionId": session_id},
    )


def mode_not_supported(agent: str, mode: str, known: tuple[str, ...] = ()) -> Problem:
    details: dict[str, Any] = {"mode": mode} | ({"supported": list(known)} if known else {})
    return Problem(
        "mode_not_supported",
        400,
        "Mode Not Supported",
        f"mode not supported: {agent} {mode}",
        {"agent": agent, "details": details},
    )


def not_found(path: str) -> Problem:
    return Problem("not_found", 404, "Not Found", f"no such path: {path} (see /openapi.json for the API)")


def outside(base_path: str) -> Problem:
    return Problem("not_found", 404, "Not Found", f"no such path: everything is below {base_path}/ (--base-path)")


def method_not_allowed(method: str, path: str, allowed: tuple[str, ...]) -> Problem:
    allow = ", ".join(allowed)
    return Problem(
        "method_not_allowed",
        405,
        "Method Not Allowed",
        f"{method} is not allowed on {path} (allowed: {allow})",
        headers={"Allow": allow},
    )


def payload_too_large(limit: int) -> Problem:
    return Problem(
        "payload_too_large",
        413,
        "Payload Too Large",
        f"the request body is larger than {limit} bytes (the server's --max-body-bytes)",
    )


def unsupported_encoding(got: str) -> Problem:
    """RFC 9110, section 15.5.16: the header says which codings of a request's body are accepted."""
    return Problem(
        "unsupported_media_type",
        415,
        "Unsupported Media Type",
        f"the request body must not be encoded (accepted: identity); it has Content-Encoding: {got}",
        headers={"Accept-Encoding": "identity"},
    )


def expectation_failed(got: str) -> Problem:
    return Problem(
        "expectation_failed",
        417,
        "Expectation Failed",
        f"of expectations only `Expect: 100-continue` is understood; got {got!r}",
    )


def unsupported_media_type(got: str | None) -> Problem:
    said = f"it says {got!r}" if got else "it has none"
    return Problem(
        "unsupported_media_type",
        415,
        "Unsupported Media Type",
        f"the request body must have Content-Type: application/json; {said}",
    )


def head_too_large() -> Problem:
    return Problem("invalid_request", 431, "Request Header Fields Too Large", "the request's head is too large")


def http_version_not_supported() -> Problem:
    detail = (
        "this server speaks HTTP/1.1 only: use that (curl --http1.1, not --http2-prior-knowledge), or speak"
        " HTTP/2 to a proxy in front of it"
    )
    return Problem("http_version_not_supported", 505, "HTTP Version Not Supported", detail)


def encoding_not_implemented() -> Problem:
    return Problem("invalid_request", 501, "Not Implemented", "the transfer encoding is not supported")


def body_too_slow() -> Problem:
    return Problem("timeout", 408, "Request Timeout", "the request's body did not arrive in time")


def decision_conflict(approval_id: str) -> Problem:
    return Problem(
        "decision_conflict",
        409,
        "Decision Conflict",
        f"inputDigest is not that of {approval_id}: something else was shown to whoever decides; nothing was decided",
        {"askId": approval_id},
    )


def rule_not_found(rule_id: str) -> Problem:
    return Problem(
        "rule_not_found",
        404,
        "Rule Not Found",
        f"the session has no rule {rule_id}: it was taken back, or went with the daemon that made it",
        {"ruleId": rule_id},
    )


def key_reused(key: str, first: str) -> Problem:
    """``first`` is the fingerprint of the command that had the key first."""
    kind = first.partition(":")[0]
    return Problem(
        "key_reused",
        422,
        "Key Reused",
        f"the key {key!r} already names another command to this session, of type {kind}; a new command needs a new key",
        {"key": key},
    )


def token_not_found(name: str) -> Problem:
    return Problem("token_not_found", 404, "Token Not Found", f"there is no token of the name {name!r}", {"name": name})


def token_exists(name: str) -> Problem:
    detail = f"there is a token of the name {name!r} already; revoke it first, or choose another name"
    return Problem("token_already_exists", 409, "Token Already Exists", detail, {"name": name})


def too_many_tokens(limit: int) -> Problem:
    detail = f"there are {limit} tokens already (the server's --max-tokens); revoke one first"
    return Problem("too_many_tokens", 409, "Too Many Tokens", detail)


def _busy(
    kind: str, status: int, title: str, detail: str, retry_after: int, extensions: Mapping[str, Any] | None = None
) -> Problem:
    """Nothing was done: try again in ``retry_after`` seconds. The body says so too, for a WebSocket has no headers."""
    extensions = {**(extensions or {}), "retryAfter": retry_after}
    return Problem(kind, status, title, detail, extensions, {"Retry-After": str(retry_after)})


def queue_full(session_id: str, limit: int) -> Problem:
    detail = f"session {session_id} already has {limit} queued prompts; send again when a turn has ended"
    return _busy("queue_full", 429, "Queue Full", detail, 1, {"sessionId": session_id})


def too_many_sessions(limit: int) -> Problem:
    detail = f"{limit} sessions are open already (the server's --max-sessions); end one first"
    return _busy("too_many_sessions", 429, "Too Many Sessions", detail, 5)


def too_many_commands(limit: int) -> Problem:
    detail = f"{limit} commands with a key are under way already (the server's --max-commands)"
    return _busy("too_many_commands", 429, "Too Many Commands", detail, 1)


def prompt_not_queued(turn_id: str, reason: str) -> Problem:
    return Problem(
        "prompt_not_queued",
        404,
        "Prompt Not Queued",
        f"no prompt of turn {turn_id} is queued: {reason}",
        {"turnId": turn_id},
    )


def journal_unavailable(cause: str = "GET /v1/health says why", *, begun: bool = False) -> Problem:
    """``begun``: the daemon has the command, and its outcome is not known yet."""
    outcome = (
        "the command was taken and may still have its effect when it can; a repeat with the same Idempotency-Key is "
        "safe and gets its answer"
        if begun
        else "nothing was done"
    )
    detail = f"the journal cannot be written ({cause}); {outcome}"
    extensions = {"outcome": "unknown" if begun else "refused"}
    return _busy("journal_unavailable", 503, "Journal Unavailable", detail, 5, extensions)


def resource_exhausted(resource: str, detail: str) -> Problem:
    """The machine has too little of a resource; nothing was done. ``detail`` says what helps."""
    return _busy("resource_exhausted", 503, "Resource Exhausted", detail, 5, {"resource": resource})


def too_many_connections(limit: int) -> Problem:
    detail = f"{limit} connections are open already, and none of them is idle (the server's --max-connections)"
    return _busy("too_many_connections", 503, "Too Many Connections", detail, 1)


def too_many_requests(whose: str, setting: str, seconds: float) -> Problem:
    """``whose`` requests: a token's, or an address's. ``seconds`` until one more is allowed."""
    detail = f"too many requests of {whose} (the server's {setting})"
    return _busy("too_many_requests", 429, "Too Many Requests", detail, max(1, math.ceil(seconds)))


def too_many_failures(seconds: float) -> Problem:
    """Too many wrong tokens of this address; a valid token is accepted all the same."""
    detail = "too many wrong tokens came from this address (the server's --failed-logins); this one is wrong, too"
    return _busy("too_many_failures", 429, "Too Many Failures", detail, max(1, math.ceil(seconds)))


def too_many_tickets(limit: int) -> Problem:
    detail = f"this token has {limit} tickets that were not used yet (the server's --max-tickets); use one first"
    return _busy("too_many_tickets", 429, "Too Many Tickets", detail, 5)


def too_many_connections_of(token: str) -> Problem:
    detail = f"token {token!r} has all the connections that one may have (the server's --max-connections-per-token)"
    return _busy("too_many_connections", 429, "Too Many Connections", detail, 1)


def shutting_down() -> Problem:
    return _busy("shutting_down", 503, "Shutting Down", "the daemon is stopping", 5)


def internal_error(message: str) -> Problem:
    return Problem("internal_error", 500, "Internal Error", f"internal error: {message}")
