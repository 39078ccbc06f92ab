"""The journal: what is kept of every session. Durable before visible: ``write`` returns when both hold.

Only the journal makes events visible in a log. ``memory.py`` keeps everything in memory, ``disk.py`` in SQLite.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import trio
from attrs import field, frozen

from ...schema.agents.dialect import Prompt
from ...schema.api.sessions import CreateSessionRequest
from ...schema.approvals.approval_data import ApprovalData
from ...schema.encode import EncodedEvent
from ..kernel.histogram import Histogram
from .event_log import EventLog
from .outage import Outage


class JournalUnavailable(Exception):
    """There is no room or no disk, and the daemon stops before that changes. What was to be written did not happen."""


@frozen
class QueuedPrompt:
    """An accepted prompt, the turn that is reserved for it, and when it was accepted."""

    prompt: Prompt
    turn_id: str
    at_ms: int = 0


@frozen
class SessionRow:
    """What is kept of a session beside its events. ``request`` has every default filled in.

    ``resume`` is the native id of a conversation that the agent has stored, ``native_session_id`` also of one that it
    has not stored. ``prompts`` and ``turns`` count the ids that were given out. ``queue`` has the prompts that wait,
    and ``current`` the one that was started last: an accepted prompt is never forgotten. ``cancelled`` are the turns of
    prompts in the queue that will not run; they are written to the log when no other turn is open.

    ``asks`` are the approvals that wait for an answer. At ``settled``, a position of the log, no turn and no item was
    open, and ``items`` item ids had been given out: after a restart the session reads its log from there.
    ``agent_restarts`` counts the starts of its agent that followed an unexpected end. ``background`` is true from when
    work in the background was told until its end was told.
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
    """A client's key for a command to one session. ``fingerprint`` distinguishes two commands with the same key."""

    name: str
    fingerprint: str


@frozen
class KeptAnswer:
    """The first answer to a command with a key, as JSON; ``kept_answers.py`` writes and reads it."""

    key: CommandKey
    body: bytes


@frozen
class Entry:
    """What one message changed in a session, kept whole or not at all. ``row`` is None when it did not change."""

    session_id: str
    row: SessionRow | None = None
    events: Sequence[EncodedEvent] = ()
    answers: Sequence[KeptAnswer] = ()


@frozen
class Overfull:
    """The running turn has more events than may be kept: the setting that bounds it, and the bound in bytes."""

    setting: str
    bound: int

    @property
    def option(self) -> str:
        return f"--{self.setting.replace('_', '-')}"


@frozen
class JournalHealth:
    """``troubles`` is empty when all is well; each says what is wrong and how to correct it. ``commits`` are the
    durations of commits, for a journal that commits. ``expired`` are the deleted bytes of events of sessions that had
    not ended, by the setting that bounds them."""

    troubles: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(factory=dict[str, float])
    commits: Histogram | None = None
    expired: Mapping[str, float] = field(factory=dict[str, float])


class Journal(Protocol):
    """``journal_id`` differs in every data directory. ``writable`` is false while nothing can be written: a write then
    waits, so a command should be refused."""

    journal_id: str
    feed: EventLog
    outage: Outage

    @property
    def writable(self) -> bool: ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Nothing else works before this has started. Closes every log when it ends."""
        ...

    def hurry(self) -> None:
        """The daemon stops: from now on a write that finds no room fails instead of waiting."""
        ...

    async def create(self, row: SessionRow) -> EventLog: ...

    async def write(self, entry: Entry) -> None:
        """Make the entry durable, then visible. Entries are kept in the order of the calls, also when a caller is
        cancelled while it waits. Raises :class:`JournalUnavailable`, and the ``invalid_request`` problem for an entry
        without events that no row can hold."""
        ...

    async def delete(self, session_id: str) -> None: ...

    def size_of(self, session_id: str) -> int:
        """Bytes that a session's events take."""
        ...

    def overfull(self, session_id: str) -> Overfull | None:
        """Why the session must end its running turn; None when it need not. Also None when nothing is open."""
        ...

    async def rows(self) -> Sequence[tuple[SessionRow, EventLog]]:
        """Oldest first."""
        ...

    def row(self, session_id: str) -> SessionRow:
        """The row that was given to :meth:`write` last."""
        ...

    async def answer(self, session_id: str, name: str) -> KeptAnswer | None:
        """The first answer to the command with that key; None when there was none, or it is no longer kept."""
        ...

    def health(self) -> JournalHealth: ...
