"""The journal: what is kept of every session. Durable before visible: ``write`` returns when both hold.

Nobody but the journal makes an event visible in a log. ``memory_journal`` keeps everything in memory, ``disk_journal``
in SQLite.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import trio
from attrs import field, frozen

from ...schema.agents.dialect import Prompt
from ...schema.api.sessions import CreateSessionRequest
from ...schema.encode import EncodedEvent
from ...schema.events import PermissionEventData, QuestionEventData
from ..kernel.histogram import Histogram
from .event_log import EventLog
from .outage import Outage

ApprovalData = PermissionEventData | QuestionEventData


class JournalUnavailable(Exception):
    """Nobody's fault: there is no room or no disk, and the daemon stops before that changes. What was to be written
    did not happen."""


@frozen
class QueuedPrompt:
    """An accepted prompt, the turn that is reserved for it, and when that was."""

    prompt: Prompt
    turn_id: str
    at_ms: int = 0


@frozen
class SessionRow:
    """What is kept of a session beside its events. ``request`` has every default filled in.

    ``resume`` is the native id of a conversation that the agent has written down, ``native_session_id`` also one that
    it has not. ``prompts`` and ``turns`` count the ids that were given out; ``queue`` holds the prompts that wait, and
    ``current`` the one that was taken up last: a prompt that was accepted is never forgotten. ``cancelled`` are the
    turns of those in the queue that will not run, and that come into the log when no other turn is open.

    ``asks`` are the permissions and questions that wait for an answer. At ``settled``, a position of the log, no turn
    and no item was open, and ``items`` item ids had been given out: a later life reads its log from there.
    ``agent_restarts`` counts the starts of its agent that followed an unexpected end. ``background`` is whether it was
    told that work goes on in the background, and not that it is over.
    """

    session_id: str
    log_id: str
    request: CreateSessionRequest
    directory: str
    created_ms: int
    native_session_id: str | None = None
    resume: str | None = None
    prompts: int = 0
    turns: int = 0
    items: int = 0
    settled: int = 0
    queue: tuple[QueuedPrompt, ...] = ()
    current: QueuedPrompt | None = None
    cancelled: tuple[str, ...] = ()
    asks: tuple[ApprovalData, ...] = ()
    agent_restarts: int = 0
    background: bool = False
    ended: bool = False
    failed: bool = False
    exit_code: int | None = None
    end_message: str | None = None

    @property
    def waiting(self) -> tuple[QueuedPrompt, ...]:
        """The prompts in the queue that will run, in order."""
        return tuple(queued for queued in self.queue if queued.turn_id not in self.cancelled)


@frozen
class CommandKey:
    """The client's own name for a command to one session. ``fingerprint`` tells two commands under one name apart."""

    name: str
    fingerprint: str


@frozen
class KeptAnswer:
    """The first answer to a command that has a name, as JSON: ``answers`` writes and reads it."""

    key: CommandKey
    body: bytes


@frozen
class Entry:
    """What happened to a session, kept whole or not at all. ``row`` is None when it did not change."""

    session_id: str
    row: SessionRow | None = None
    events: Sequence[EncodedEvent] = ()
    answers: Sequence[KeptAnswer] = ()


@frozen
class Overfull:
    """A turn that runs is more than may be kept: the setting that says so, and its bytes."""

    setting: str
    bound: int

    @property
    def option(self) -> str:
        return f"--{self.setting.replace('_', '-')}"


@frozen
class JournalHealth:
    """``troubles`` is empty when all is well; each says in words what is not, and what mends it. ``commits`` is how
    long each took, for a journal that commits. ``expired`` are the bytes of events of living sessions that were let go,
    by the setting that they were too much for."""

    troubles: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(factory=dict[str, float])
    commits: Histogram | None = None
    expired: Mapping[str, float] = field(factory=dict[str, float])


class Journal(Protocol):
    """``journal_id`` is another one in every data directory. ``writable`` is false while nothing can be written: what
    was asked to be written then waits, and a command should be refused instead."""

    journal_id: str
    feed: EventLog
    outage: Outage

    @property
    def writable(self) -> bool: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Nothing else works before it has started. Closes every log when it ends."""
        ...

    def hurry(self) -> None:
        """The daemon stops: from now on a write that finds no room fails instead of waiting for it."""
        ...

    async def create(self, row: SessionRow) -> EventLog: ...

    async def write(self, entry: Entry) -> None:
        """Make durable, then visible. What two callers write is kept in the order of their calls, also when a caller
        is cancelled while it waits. Raises :class:`JournalUnavailable`, and the ``invalid_request`` problem for an
        entry without events that no row can hold."""
        ...

    async def delete(self, session_id: str) -> None: ...

    def size_of(self, session_id: str) -> int:
        """Bytes that a session's events take."""
        ...

    def overfull(self, session_id: str) -> Overfull | None:
        """Why the session has to end its turn, if it has to. It no longer has to when nothing is open."""
        ...

    async def rows(self) -> Sequence[tuple[SessionRow, EventLog]]:
        """Oldest first."""
        ...

    def row(self, session_id: str) -> SessionRow:
        """The one that was given to :meth:`write` last."""
        ...

    async def answer(self, session_id: str, name: str) -> KeptAnswer | None:
        """What the command of that name was answered; None when there was none, or it was so long ago that it was
        forgotten."""
        ...

    def health(self) -> JournalHealth: ...
