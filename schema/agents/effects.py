"""What a dialect wants done: drafts of events in the past tense, commands in the imperative.

Drafts carry the agent's own ids (``native_id``); the :class:`~.ledger.Ledger` turns those into item ids and holds
the order that clients rely on. ``synthetic`` drafts are the daemon's words, the others the agent's. ``raw`` is the
native line that the draft came from.
"""

from typing import Any, Literal, cast

from attrs import field, frozen
from msgspec import Struct

from ..approvals.always import Always
from ..background import BackgroundTask
from ..events import ErrorData, PermissionEventData, QuestionEventData, SessionEndReason, TurnOutcome
from ..items import ContentPart, ItemKind, ItemRole


@frozen
class TurnStarted:
    """The agent took up the prompt, or began a turn of its own. A second one before :class:`TurnEnded` opens no other.

    ``gives_way``: the turn holds nothing but what comes from work in the background, and the next prompt need not wait
    for its end: the session ends it before ``Dialect.prompt``. The last one said counts."""

    metadata: Any = None
    synthetic: bool = True
    raw: bytes | None = None
    gives_way: bool = False


@frozen
class TurnEnded:
    """The agent is done with the prompt. ``metadata`` may hold ``usage``, ``cost_usd``, ``models``, ``stop_reason``;
    the ledger adds ``outcome``, and ``error`` when it failed: say :class:`Errored` before. Items still open are closed
    first: as failed unless the turn completed."""

    outcome: TurnOutcome = "completed"
    metadata: dict[str, Any] = field(factory=dict[str, Any])
    synthetic: bool = True
    raw: bytes | None = None


@frozen
class ItemStarted:
    """Repeated for an item that is already open: dropped. ``parent_native_id`` must name an item seen before."""

    native_id: str
    kind: ItemKind
    role: ItemRole | None
    content: tuple[ContentPart, ...] = ()
    parent_native_id: str | None = None
    synthetic: bool = False
    raw: bytes | None = None


class ItemDelta(Struct, frozen=True):
    """More text of an open item. For an item never started, a started one is synthesised (assistant message).

    Nearly all drafts are deltas, and a struct is made in a seventh of the time that a frozen attrs class takes."""

    native_id: str
    delta: str
    synthetic: bool = False
    raw: bytes | None = None


@frozen
class ItemCompleted:
    """The item's final content, which replaces what the deltas said. Never started: started is synthesised."""

    native_id: str
    kind: ItemKind
    role: ItemRole | None
    content: tuple[ContentPart, ...] = ()
    failed: bool = False
    parent_native_id: str | None = None
    synthetic: bool = False
    raw: bytes | None = None


@frozen
class Errored:
    """``retryable``: the agent goes on by itself. An error never ends a turn; :class:`TurnEnded` does."""

    data: ErrorData
    retryable: bool = False
    synthetic: bool = False
    raw: bytes | None = None


@frozen
class Unparsed:
    """The agent said something that the dialect does not know; ``raw`` keeps it (as a JSON string if it is no JSON)."""

    error: str
    location: str
    raw: bytes | None = None


@frozen
class SessionEnded:
    """The agent says that the conversation is over for good."""

    reason: SessionEndReason = "completed"
    message: str | None = None
    synthetic: bool = True
    raw: bytes | None = None


@frozen
class Ready:
    """The handshake is over: prompts may be written. Until then the session keeps them back."""


@frozen
class NativeSessionNamed:
    """The agent's own id of the conversation, by which it can be resumed in another process.

    ``resumable`` is false while the agent has not yet written the conversation down (claude keeps no transcript
    before its first answer): a process that dies before must start afresh instead.
    """

    native_session_id: str
    resumable: bool = True


@frozen
class ConversationOpened:
    """Of a process that was started to resume a conversation (``AgentSpec.resume``): it goes on with that, or has begun
    another because that one is gone. Said when the agent has shown it, and not when it was only asked to."""

    resumed: bool


@frozen
class BackgroundChanged:
    """What the agent goes on with beside its turns from now on: all of it, at most ``background.MOST_TASKS``. When the
    process ends none is left; that need not be said."""

    tasks: tuple[BackgroundTask, ...] = ()


@frozen
class Write:
    """Write these bytes to the agent's stdin, in order."""

    data: bytes


@frozen
class Reach:
    """From now on the agent answers HTTP at ``base_url``, with basic authentication. Comes before the other two."""

    base_url: str
    username: str
    password: str = field(repr=False)


@frozen
class CallHttp:
    """Make this request; the answer comes through ``HttpDialect.responded`` with the same ``call_id``.

    Requests are made one after the other, in order: what a later one builds upon has been answered by then. One that is
    ``aside`` holds nobody up, and its answer may take as long as a turn. ``body`` is JSON text.
    """

    call_id: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    body: bytes | None = None
    aside: bool = False


@frozen
class FollowStream:
    """Follow the server-sent events at ``path`` from now on, also when the connection breaks: every time that the
    stream is open again, ``HttpDialect.stream_opened`` is told, for what came meanwhile is lost."""

    path: str


@frozen
class SignalAgent:
    """SIGINT to the agent process alone: how an agent that reads no interrupt on stdin is told to stop."""


@frozen
class AnswerHook:
    """Let the hook go that asked with this id. ``message`` is why not, for the model to read."""

    hook_id: str
    allow: bool
    message: str = ""


@frozen
class EndProcess:
    """The process has done its part and takes no more prompts: it is ended, which is no crash. The next prompt starts
    another one, which resumes the conversation."""


@frozen
class RequestPermission:
    """Ask a human. The answer comes back through ``Dialect.answer_permission`` with the same ``permission_id``.

    ``always`` is what an `always` is about, and is shown; None when there is nothing that it could be. The daemon
    remembers it: the agent is told each time. ``accept_inside``: the session's mode accepts it unasked when all files
    of ``always`` are inside of the workspace."""

    permission_id: str
    action: str
    metadata: Any = None
    raw: bytes | None = None
    always: Always | None = field(default=None, eq=False)
    accept_inside: bool = field(default=False, eq=False)

    def data(self) -> PermissionEventData:
        metadata: Any = self.metadata
        if self.always is not None:
            known = cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}
            metadata = {**known, "always": self.always.text}
        return PermissionEventData(self.permission_id, self.action, "requested", metadata)


@frozen
class PermissionRefused:
    """An ask that nobody is asked: the dialect has told the agent no, and ``reason`` says why. ``shown`` is what can be
    shown of it."""

    permission_id: str
    action: str
    reason: str
    shown: Any = None

    def data(self) -> PermissionEventData:
        return PermissionEventData(self.permission_id, self.action, "requested", self.shown)


@frozen
class RequestQuestion:
    """Ask a human. ``data.status`` is requested; the answer comes back through ``Dialect.answer_question``."""

    data: QuestionEventData
    raw: bytes | None = None


@frozen
class WithdrawApproval:
    """The agent no longer waits for this permission or question: it is resolved as rejected, nothing is written."""

    approval_id: str


Draft = TurnStarted | TurnEnded | ItemStarted | ItemDelta | ItemCompleted | Errored | Unparsed | SessionEnded
ToAgent = Write | SignalAgent | AnswerHook | Reach | CallHttp | FollowStream
Command = (
    Ready
    | NativeSessionNamed
    | ConversationOpened
    | BackgroundChanged
    | ToAgent
    | EndProcess
    | RequestPermission
    | PermissionRefused
    | RequestQuestion
    | WithdrawApproval
)
Effect = Draft | Command
