"""Sessions, messages and replies: the bodies of wire 0.1, sections 2 and 4, with our additions named."""

from typing import Any, Literal

import attrs
from attrs import frozen

from ..background import BackgroundTask
from ..bounds import MAX_ANSWERS, MAX_ATTACHMENTS, MAX_CONFIG_BYTES, MAX_NAME, MAX_PATH, MAX_TITLE
from ..events import PermissionEventData, QuestionEventData, UniversalEvent
from ..fields import bounded, bounded_items, bounded_json, optional
from ..problems import ErrorType
from ..timeouts import SessionTimeouts, Timeouts
from ..workspace.trust import WorkspaceTrust
from .mcp import McpServerConfig, SkillsConfig

PermissionReply = Literal["once", "always", "reject"]
SessionStatus = Literal["starting", "idle", "running", "waiting", "suspended", "ended", "failed"]
InterruptFound = Literal["running", "starting", "stopping", "background", "idle"]


@frozen
class CreateSessionRequest:
    """``agent_mode`` is one of the agent's modes; without it, or with ``default``, it is ``build``. ``permission_mode``
    is ``default`` when it is left out. ``directory`` is an absolute path that the daemon's user may enter and list, and
    is told back as it was named; without it the session works in the daemon's own. ``workspace_trust`` says whether the
    agent reads the configuration in that directory; without it the daemon's setting counts."""

    agent: str = bounded(MAX_NAME, attrs.NOTHING)
    agent_mode: str | None = bounded(MAX_NAME)
    permission_mode: str | None = bounded(MAX_NAME)
    model: str | None = bounded(MAX_NAME)
    variant: str | None = bounded(MAX_NAME)
    agent_version: str | None = bounded(MAX_NAME)
    directory: str | None = bounded(MAX_PATH)
    title: str | None = bounded(MAX_TITLE)
    mcp: dict[str, McpServerConfig] | None = bounded_json(MAX_CONFIG_BYTES)
    skills: SkillsConfig | None = bounded_json(MAX_CONFIG_BYTES)
    timeouts: SessionTimeouts | None = optional()
    workspace_trust: WorkspaceTrust | None = optional()


@frozen
class ProofResponse:
    proof: str


@frozen
class AgentError:
    type: ErrorType
    message: str
    agent: str | None = optional()
    session_id: str | None = optional()
    details: Any = optional()


@frozen
class CreateSessionResponse:
    healthy: bool
    error: AgentError | None = optional()
    native_session_id: str | None = optional()


@frozen
class SessionInfo:
    """``created_at`` and ``updated_at`` are milliseconds since 1970. Ours over wire 0.1: ``status``, ``queued``
    (prompts that wait for the turn to end), ``log_id`` (the first half of every SSE id of this session),
    ``timeouts`` (those that hold), ``agent_restarts`` (starts of the agent after it ended unexpectedly),
    ``workspace_trust`` (what holds) and ``background`` (what the agent goes on with beside its turns, at most 100;
    while there is any, ``status`` is ``running``, or ``waiting`` when something is asked)."""

    session_id: str
    agent: str
    agent_mode: str
    permission_mode: str
    model: str | None
    variant: str | None
    native_session_id: str | None
    ended: bool
    event_count: int
    created_at: int
    updated_at: int
    directory: str | None
    title: str | None
    status: SessionStatus
    queued: int
    log_id: str
    timeouts: Timeouts
    agent_restarts: int
    workspace_trust: WorkspaceTrust
    mcp: dict[str, McpServerConfig] | None = optional()
    skills: SkillsConfig | None = optional()
    background: tuple[BackgroundTask, ...] | None = optional()


@frozen
class SessionListResponse:
    """``cursor`` (ours) is where the all-sessions stream stood when the list was made: start there, miss nothing."""

    sessions: tuple[SessionInfo, ...]
    cursor: str | None = optional()


@frozen
class MessageAttachment:
    path: str = bounded(MAX_PATH, attrs.NOTHING)
    mime: str | None = bounded(MAX_NAME)
    filename: str | None = bounded(MAX_NAME)


@frozen
class MessageRequest:
    message: str
    attachments: tuple[MessageAttachment, ...] = bounded_items(MAX_ATTACHMENTS, ())


@frozen
class PermissionReplyRequest:
    """``input_digest`` is the permission's own: the reply is refused when it is another's."""

    reply: PermissionReply
    input_digest: str | None = bounded(MAX_NAME)


@frozen
class QuestionReplyRequest:
    """One list of labels per question, in the order in which they were asked. ``input_digest`` is the question's own:
    the reply is refused when it is another's."""

    answers: tuple[tuple[str, ...], ...] = bounded_items(MAX_ANSWERS, shown=False)
    input_digest: str | None = bounded(MAX_NAME)


@frozen
class EventsResponse:
    events: tuple[UniversalEvent, ...]
    has_more: bool


@frozen
class InterruptResponse:
    """What was interrupted: ``found`` is ``running`` (a turn, which ends as soon as its agent has stopped),
    ``starting`` (a prompt whose agent was not ready yet; its turn has ended), ``stopping`` (a turn that an earlier
    interrupt is stopping; the agent was told nothing more), ``background`` (no turn, but work in the background, which
    the agent was told to stop; ``turn_id`` is None) or ``idle``: nothing, and ``interrupted`` is false.

    ``turn_id`` names that turn. ``queued`` counts the prompts that still wait; they run next."""

    interrupted: bool
    found: InterruptFound
    turn_id: str | None
    queued: int


@frozen
class QueuedMessage:
    """A prompt that waits. ``position`` is 1 for the one that runs next; ``queued_at`` is milliseconds since 1970.
    ``message`` is its beginning when it is ``truncated``; ``attachments`` is how many it has."""

    turn_id: str
    position: int
    queued_at: int
    message: str
    truncated: bool
    attachments: int


@frozen
class QueueResponse:
    """In the order in which they will run."""

    queued: tuple[QueuedMessage, ...]


@frozen
class PendingPermission:
    session_id: str
    requested_at: int
    permission: PermissionEventData


@frozen
class PendingQuestion:
    session_id: str
    requested_at: int
    question: QuestionEventData


@frozen
class PermissionListResponse:
    permissions: tuple[PendingPermission, ...]


@frozen
class QuestionListResponse:
    questions: tuple[PendingQuestion, ...]


@frozen
class IsolationInfo:
    """What keeps agents from the daemon and from each other: ``level`` is ``process``, ``user`` or ``namespace``, and
    ``reason`` says in words why it is no better. ``user`` is the one as whom agents run where that is not the daemon's,
    as people read it."""

    level: str
    user: str | None = optional()
    reason: str | None = optional()


@frozen
class HealthResponse:
    """``status`` is ``ok`` or ``degraded``. ``problems`` (ours) says in words what is wrong and what mends it, and is
    left out when nothing is."""

    status: str
    problems: tuple[str, ...] | None = optional()
    isolation: IsolationInfo | None = optional()
