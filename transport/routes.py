"""The route table: the one place that says which operations there are. The app serves it and the OpenAPI document
describes it, so they cannot differ."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..schema.access.command_scopes import scope_of
from ..schema.access.scopes import Scope
from ..schema.agent_info import AgentInstallRequest, AgentListResponse, AgentModelsResponse, AgentModesResponse
from ..schema.commands import (
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    TerminateCommand,
)
from ..schema.queries import EventsQuery, StreamQuery, TurnStreamQuery
from ..schema.sessions import (
    CreateSessionRequest,
    CreateSessionResponse,
    EventsResponse,
    HealthResponse,
    InterruptResponse,
    MessageRequest,
    PermissionListResponse,
    PermissionReplyRequest,
    ProofResponse,
    QuestionListResponse,
    QuestionReplyRequest,
    QueueResponse,
    SessionInfo,
    SessionListResponse,
)
from . import event_handlers as events
from . import handlers
from .approvals.routes import RULE_ROUTES
from .guard.routes import ACCESS_ROUTES
from .route import Route
from .websocket import open_websocket


def _get(path: str, handler: Callable[..., Awaitable[Any]], **rest: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, **rest)


def _post(path: str, handler: Callable[..., Awaitable[Any]], **rest: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, **rest)


READ: tuple[Scope, ...] = ("read",)
ADMIN: tuple[Scope, ...] = ("admin",)
"""To create a session is the operator's: it names programs to run (MCP servers), the directory, and what is asked."""

_SESSION = "/v1/sessions/{session_id}"

_RESYNC = (
    "Every frame has `id: <log>:<position>`. A cursor that does not continue here (from another life of the session, "
    "beyond the end, or older than what is kept) is answered with a `stream.resync` frame, and then with all that is "
    "held. A comment is sent in a silence."
)

ROUTES: tuple[Route, ...] = (
    *ACCESS_ROUTES,
    *RULE_ROUTES,
    _get(
        "/",
        handlers.get_root,
        tag="meta",
        summary="Server Info",
        success="What this is",
        kind="text",
        open=True,
        scopes=(),
    ),
    _get(
        "/v1/health",
        handlers.get_health,
        tag="meta",
        summary="Health Check",
        description="`degraded` says what is wrong. As long as the daemon takes prompts that is a 200, which keeps an "
        "orchestrator from restarting what only a larger disk would mend; a 503 says that it refuses them.",
        success="The server is up",
        answer=HealthResponse,
        other_statuses={503: "The journal cannot be written: what would have to be kept is refused"},
        open=True,
        scopes=(),
    ),
    _get(
        "/v1/proof/{nonce}",
        handlers.get_proof,
        tag="meta",
        summary="Proof of Identity",
        description="Proves to a client on this machine that it speaks with the daemon of a data directory, before it "
        "sends its token: an HMAC-SHA256 of the nonce and the connection, by the key in the daemon's address file.",
        success="The proof, in hexadecimal digits",
        answer=ProofResponse,
        problems=(400,),
        open=True,
        scopes=(),
    ),
    _get(
        "/metrics",
        handlers.get_metrics,
        scopes=READ,
        tag="meta",
        summary="Metrics",
        description="In the text format of Prometheus, for a scrape with a bearer token. No label names a session.",
        success="How the daemon fares",
        kind="metrics",
        problems=(503,),
    ),
    _get(
        "/openapi.json",
        handlers.get_openapi,
        tag="meta",
        summary="OpenAPI Document",
        success="This document",
        open=True,
        scopes=(),
    ),
    _get(
        "/v1/agents",
        handlers.list_agents,
        scopes=READ,
        limited=True,
        tag="agents",
        summary="List Agents",
        success="All agents, installed or not",
        answer=AgentListResponse,
    ),
    _post(
        "/v1/agents/{agent}/install",
        handlers.install_agent,
        scopes=ADMIN,
        tag="agents",
        summary="Install Agent",
        description="Answers when the agent is installed; the agent list tells of the progress meanwhile. Nothing "
        "happens when it is there already, unless `reinstall` is true or another `agentVersion` is named. That version "
        "is then used by every session that names none.",
        success="The agent is installed",
        status=204,
        body=AgentInstallRequest,
        problems=(400, 404),
    ),
    _get(
        "/v1/agents/{agent}/modes",
        handlers.get_agent_modes,
        scopes=READ,
        limited=True,
        tag="agents",
        summary="List Agent Modes",
        success="What `agentMode` may be",
        answer=AgentModesResponse,
        problems=(400,),
    ),
    _get(
        "/v1/agents/{agent}/models",
        handlers.get_agent_models,
        scopes=READ,
        limited=True,
        tag="agents",
        summary="List Agent Models",
        success="What `model` may be, and the default",
        answer=AgentModelsResponse,
        problems=(400, 404),
    ),
    _get(
        "/v1/sessions",
        handlers.list_sessions,
        scopes=READ,
        limited=True,
        tag="sessions",
        summary="List Sessions",
        success="Sessions, newest first",
        answer=SessionListResponse,
    ),
    _post(
        _SESSION,
        handlers.create_session,
        scopes=ADMIN,
        tag="sessions",
        summary="Create Session",
        description="The id is the caller's choice: 1 to 256 characters, none of them a control character.",
        success="The session was created",
        body=CreateSessionRequest,
        answer=CreateSessionResponse,
        problems=(400, 404, 409, 424, 429, 500),
    ),
    _get(
        _SESSION,
        handlers.get_session,
        scopes=READ,
        tag="sessions",
        summary="Get Session",
        success="The session",
        answer=SessionInfo,
        problems=(400, 404),
    ),
    Route(
        method="DELETE",
        path=_SESSION,
        handler=handlers.delete_session,
        scopes=ADMIN,
        tag="sessions",
        summary="Delete Session",
        description="Ends its agent and forgets its events. The id may be used again.",
        success="The session is gone",
        status=204,
        problems=(400, 404),
    ),
    _post(
        f"{_SESSION}/messages",
        handlers.post_message,
        scopes=(scope_of(MessageCommand),),
        tag="sessions",
        summary="Send Message",
        description="A prompt to a session whose turn is running waits in its queue. The header `Sandbox-Agent-Turn` "
        "names the turn in which it runs.",
        success="The message was accepted",
        status=204,
        body=MessageRequest,
        keyed=True,
        prompts=True,
        problems=(400, 404, 429, 500),
    ),
    _post(
        f"{_SESSION}/messages/stream",
        events.post_message_stream,
        scopes=(scope_of(MessageCommand), "read"),
        tag="sessions",
        summary="Send Message (Streaming)",
        description="Begins with the turn's `turn.started`, and ends with the turn, an error that is not retried, the "
        "session, or a permission or question that waits for its answer.",
        success="The events of the turn",
        kind="sse",
        body=MessageRequest,
        query=TurnStreamQuery,
        keyed=True,
        prompts=True,
        problems=(400, 404, 429, 500),
    ),
    _get(
        f"{_SESSION}/queue",
        handlers.get_queue,
        scopes=READ,
        tag="sessions",
        summary="List Queued Prompts",
        success="The prompts that wait, in the order in which they will run",
        answer=QueueResponse,
        problems=(400, 404),
    ),
    Route(
        method="DELETE",
        path=f"{_SESSION}/queue/{{turn_id}}",
        handler=handlers.cancel_prompt,
        scopes=(scope_of(QueueCancelCommand),),
        tag="sessions",
        summary="Cancel Queued Prompt",
        description="The prompt will not run. Its turn comes into the log, as interrupted, when no other turn is open.",
        success="The prompt is out of the queue",
        status=204,
        keyed=True,
        problems=(400, 404),
    ),
    _get(
        f"{_SESSION}/events",
        events.get_events,
        scopes=READ,
        ticket=True,
        tag="sessions",
        summary="Get Events",
        description="An offset that is older than what is kept starts with the oldest event there is.",
        success="Events, in order",
        query=EventsQuery,
        answer=EventsResponse,
        problems=(400, 404),
    ),
    _get(
        f"{_SESSION}/events/sse",
        events.get_events_sse,
        scopes=READ,
        ticket=True,
        tag="sessions",
        summary="Subscribe to Events (SSE)",
        description=f"Events after the offset, then live ones, until the session is deleted. {_RESYNC}",
        success="Events without end",
        kind="sse",
        query=StreamQuery,
        problems=(400, 404),
    ),
    _get(
        f"{_SESSION}/ws",
        open_websocket,
        scopes=READ,
        tag="sessions",
        summary="Events and Commands (WebSocket)",
        description="Sends the same JSON as the SSE stream, one text frame each, and takes commands. A client that can "
        "set no Authorization header sends the token in its first frame.",
        success="The connection is a WebSocket now",
        status=101,
        kind="websocket",
        query=StreamQuery,
        problems=(400, 403, 404),
    ),
    _get(
        "/v1/events/sse",
        events.get_all_events_sse,
        scopes=READ,
        ticket=True,
        tag="sessions",
        summary="Subscribe to the Events of All Sessions (SSE)",
        description="Starts with what happens next, unless a cursor says otherwise; the `cursor` of the session list "
        f"is the one to start from. The position in an `id` is this stream's own, not the event's sequence. {_RESYNC}",
        success="Events without end",
        kind="sse",
        query=StreamQuery,
        problems=(400,),
    ),
    _post(
        f"{_SESSION}/permissions/{{permission_id}}/reply",
        handlers.reply_permission,
        scopes=(scope_of(PermissionReplyCommand),),
        tag="sessions",
        summary="Reply to Permission",
        description="`always` allows what `metadata.always` of the permission tells, for the rest of the session.",
        success="The reply was accepted",
        status=204,
        body=PermissionReplyRequest,
        keyed=True,
        problems=(400, 404, 409, 500),
    ),
    _post(
        f"{_SESSION}/questions/{{question_id}}/reply",
        handlers.reply_question,
        scopes=(scope_of(QuestionReplyCommand),),
        tag="sessions",
        summary="Reply to Question",
        success="The answers were accepted",
        status=204,
        body=QuestionReplyRequest,
        keyed=True,
        problems=(400, 404, 409, 500),
    ),
    _post(
        f"{_SESSION}/questions/{{question_id}}/reject",
        handlers.reject_question,
        scopes=(scope_of(QuestionRejectCommand),),
        tag="sessions",
        summary="Reject Question",
        success="The question was rejected",
        status=204,
        keyed=True,
        problems=(400, 404, 500),
    ),
    _post(
        f"{_SESSION}/interrupt",
        handlers.interrupt_session,
        scopes=(scope_of(InterruptCommand),),
        tag="sessions",
        summary="Interrupt Turn",
        description="Stops the running turn; the session stays usable. A prompt that was sent before it is before it: "
        "one whose agent is still starting is what it stops. Prompts that wait in the queue run next.",
        success="What it found and did",
        answer=InterruptResponse,
        keyed=True,
        problems=(400, 404),
    ),
    _post(
        f"{_SESSION}/terminate",
        handlers.terminate_session,
        scopes=(scope_of(TerminateCommand),),
        tag="sessions",
        summary="Terminate Session",
        description="Ends the agent and every process it started. Its events stay readable.",
        success="The session has ended",
        status=204,
        keyed=True,
        problems=(400, 404),
    ),
    _get(
        "/v1/permissions",
        handlers.list_permissions,
        scopes=READ,
        limited=True,
        tag="sessions",
        summary="List Pending Permissions",
        success="The permissions of all sessions that wait for a reply",
        answer=PermissionListResponse,
    ),
    _get(
        "/v1/questions",
        handlers.list_questions,
        scopes=READ,
        limited=True,
        tag="sessions",
        summary="List Pending Questions",
        success="The questions of all sessions that wait for a reply",
        answer=QuestionListResponse,
    ),
)
