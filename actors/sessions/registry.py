"""The registry: which sessions there are, and where each is found. It alone creates and forgets them.

It holds the sessions' supervisor in its own nursery: when the registry crashes, the sessions end with it and start
again from the journal, so the two never disagree.
"""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import structlog
import trio
from attrs import define, frozen
from structlog.contextvars import bind_contextvars

from ...schema.api.sessions import CreateSessionRequest, SessionInfo, SessionListResponse, SessionStatus
from ...schema.events import PermissionEventData
from ...schema.problems import Problem, session_already_exists, session_not_found, too_many_sessions
from ...schema.settings import Settings
from ..approvals.broker import Forget
from ..journal.event_log import EventLog
from ..journal.interface import JournalUnavailable, SessionRow
from ..journal.retention import EndedSession, to_forget
from ..kernel.actor import Actor
from ..kernel.age import Age
from ..kernel.mailbox import Envelope, Mailbox, Request
from ..kernel.restart_intensity import RestartIntensity
from ..kernel.supervisor import Child, ChildSpec, Supervisor
from .context import SessionContext
from .session import Session
from .snapshot import Changed, Snapshot
from .state import SessionState

_log = structlog.get_logger("registry")


@frozen
class Found:
    """Where a session is. ``child`` is None when its actor had ended before the registry started."""

    snapshot: Snapshot
    log: EventLog
    child: Child | None

    @property
    def mailbox(self) -> Mailbox | None:
        """None when the session has ended, though its agent may still be on its way out."""
        return None if self.child is None or self.snapshot.row.ended else self.child.mailbox

    def info(self, settings: Settings) -> SessionInfo:
        return self.snapshot.info(self.log, settings)


@frozen
class Create(Request[Found]):
    """``request`` has every default filled in. Refused when the id is taken, also by a session that has ended."""

    session_id: str
    request: CreateSessionRequest
    directory: str


@frozen
class Find(Request[Found]):
    session_id: str


@frozen
class List(Request[SessionListResponse]):
    """Newest first."""


@frozen
class Census:
    """How many there are: sessions by status, prompts that wait for their turn, and what waits for an answer."""

    sessions: Mapping[SessionStatus, int]
    queued: int
    permissions: int
    questions: int


@frozen
class Count(Request[Census]):
    pass


@frozen
class Drop(Request[None]):
    """Forget a session and its log; its actor, if there still is one, is stopped first."""

    session_id: str


@frozen
class _Look:
    """For ended sessions that are beyond a bound."""


@frozen
class _Failed:
    row: SessionRow


@define(eq=False)
class _Entry:
    snapshot: Snapshot
    log: EventLog
    child: Child | None
    dropping: bool = False

    @property
    def forgettable(self) -> bool:
        """It has ended, and nothing of it is still at work."""
        at_work = self.child is not None and not self.child.ended.is_set()
        return self.snapshot.row.ended and not self.dropping and not at_work


class Registry(Actor):
    def __init__(self, mailbox: Mailbox, context: SessionContext) -> None:
        super().__init__(mailbox)
        self._context = context
        self._entries: dict[str, _Entry] = {}
        self._age = Age(0, None)
        self._reserved: dict[str, trio.Event] = {}
        settings = context.settings
        self._supervisor = Supervisor(
            lambda: RestartIntensity(
                settings.actor_restarts, settings.restart_period, settings.restart_backoff, settings.restart_backoff_max
            ),
            settings.mailbox_size,
        )

    def __repr__(self) -> str:
        return f"<Registry sessions={len(self._entries)} {self._supervisor!r}>"

    async def started(self) -> None:
        await self.nursery.start(self._supervisor.run)
        latest_ms: int | None = None
        for row, log in await self._context.journal.rows():
            latest_ms = max(latest_ms or 0, log.updated_ms)
            self._entries[row.session_id] = entry = _Entry(Snapshot(row, "suspended"), log, None)
            if row.ended:
                entry.snapshot = Snapshot(row, "failed" if row.failed else "ended")
            else:
                entry.child = self._start(row, log, inherited=True)
        await self._context.conversations.keep_only([entry.snapshot.row.log_id for entry in self._entries.values()])
        self._age = Age(self._context.clock.now_ms(), latest_ms)
        self._retain()
        if self._context.settings.retention_interval:
            self.nursery.start_soon(self._look_now_and_then)

    async def handle(self, envelope: Envelope) -> None:
        match envelope.message:
            case Changed(snapshot):
                self._changed(snapshot)
            case Find(session_id):
                envelope.answer(self._found(session_id))
            case List():
                envelope.answer(SessionListResponse(tuple(self._infos()), self._cursor()))
            case _Look():
                self._retain()
            case Count():
                envelope.answer(self._census())
            case Create() as create if create.session_id in self._reserved:
                self.later(envelope, partial(self._kept, self._create_after, create))
            case Create() as create:
                self._reserve(create.session_id)
                self.later(envelope, partial(self._kept, self._create, create))
            case Drop(session_id):
                entry = self._find(session_id)
                entry.dropping = True
                self.later(envelope, partial(self._kept, self._drop, entry))
            case _Failed(row):
                self._changed(Snapshot(row, "failed"))
            case unknown:
                raise TypeError(f"Registry got {unknown!r}")

    async def _kept(self, work: Callable[..., Awaitable[object]], about: object) -> object:
        """For what waits for the journal."""
        try:
            return await work(about)
        except JournalUnavailable:
            raise self._context.journal.outage.problem() from None

    def _reserve(self, session_id: str) -> None:
        if session_id in self._entries:
            raise session_already_exists(session_id)
        limit = self._context.settings.max_sessions
        if len(self._reserved) + sum(not entry.snapshot.row.ended for entry in self._entries.values()) >= limit:
            raise too_many_sessions(limit)
        self._reserved[session_id] = trio.Event()

    def _release(self, session_id: str) -> None:
        self._reserved.pop(session_id).set()

    async def _create_after(self, create: Create) -> Found:
        """Another of this id is about to be. To say that it exists would be too early: nobody could find it yet, and it
        may come to nothing."""
        with self._context.journal.outage.bounded():
            while (reserved := self._reserved.get(create.session_id)) is not None:
                await reserved.wait()
        self._reserve(create.session_id)
        return await self._create(create)

    async def _create(self, create: Create) -> Found:
        context = self._context
        row = SessionRow(
            create.session_id, context.unique()[-12:], create.request, create.directory, context.clock.now_ms()
        )
        log = await self._keep(row)
        try:
            context.failpoints.reach("session.created")
            _log.info("session created", session_id=row.session_id, agent=row.request.agent)
            self._entries[row.session_id] = _Entry(Snapshot(row), log, self._start(row, log, inherited=False))
        finally:
            self._release(row.session_id)
        return self._found(row.session_id)

    async def _keep(self, row: SessionRow) -> EventLog:
        """A session that cannot be written soon will never be: its creator is told so, and its id is free again as soon
        as that is sure."""
        journal = self._context.journal
        try:
            with journal.outage.bounded():
                return await journal.create(row)
            raise AssertionError("what is cancelled in there is a problem out here")
        except Problem:
            self.nursery.start_soon(self._revoke, row.session_id)
            raise
        except BaseException:
            self._release(row.session_id)
            raise

    async def _revoke(self, session_id: str) -> None:
        try:
            with suppress(JournalUnavailable):
                await self._context.journal.delete(session_id)
        finally:
            self._release(session_id)

    def _start(self, row: SessionRow, log: EventLog, *, inherited: bool) -> Child:
        session_id = row.session_id

        lives = itertools.count()

        def make(mailbox: Mailbox) -> Session:
            # In the task of the session, and with it in all that it starts: every line that they log says whose it is.
            bind_contextvars(session_id=session_id)
            if next(lives):
                self._context.counters.session_restarts += 1
            return Session(mailbox, self._context, self._entries[session_id].snapshot.row, log, inherited=inherited)

        async def on_failed(error: BaseException) -> None:
            state = SessionState(self._context, self._entries[session_id].snapshot.row, log)
            ended = await state.close_failed(error)
            await self._context.broker.tell(Forget(session_id))
            await self.mailbox.tell(_Failed(ended))

        # Named by its log: the id of a deleted session may be taken again before the old one is quite gone.
        return self._supervisor.start(ChildSpec(f"session {row.log_id}", make, "transient", on_failed))

    def _changed(self, snapshot: Snapshot) -> None:
        entry = self._entries.get(snapshot.row.session_id)
        if entry is None or entry.snapshot.row.log_id != snapshot.row.log_id:
            return
        ended = snapshot.row.ended and not entry.snapshot.row.ended
        entry.snapshot = snapshot
        if ended:
            _log.info(
                "session ended",
                session_id=snapshot.row.session_id,
                status=snapshot.status,
                exit_code=snapshot.row.exit_code,
            )
            if entry.child is not None:
                self.nursery.start_soon(self._look_after, entry.child)

    async def _look_after(self, child: Child) -> None:
        """A session that has ended counts for the bounds when nothing of it is at work any more, and may itself be the
        one to go."""
        await child.ended.wait()
        await self.mailbox.tell(_Look())

    async def _look_now_and_then(self) -> None:
        while True:
            await trio.sleep(self._context.settings.retention_interval)
            await self.mailbox.tell(_Look())

    def _retain(self) -> None:
        journal = self._context.journal
        ended = [
            EndedSession(
                session_id, self._age.of(entry.log.updated_ms), entry.log.updated_ms, journal.size_of(session_id)
            )
            for session_id, entry in self._entries.items()
            if entry.forgettable
        ]
        for session_id in to_forget(ended, self._context.settings):
            self._start_to_forget(self._entries[session_id])

    def _start_to_forget(self, entry: _Entry) -> None:
        entry.dropping = True
        self.nursery.start_soon(self._forget, entry)

    async def _forget(self, entry: _Entry) -> None:
        with suppress(JournalUnavailable):
            await self._drop(entry)

    def _find(self, session_id: str) -> _Entry:
        entry = self._entries.get(session_id)
        if entry is None or entry.dropping:
            raise session_not_found(session_id)
        return entry

    def _found(self, session_id: str) -> Found:
        entry = self._find(session_id)
        return Found(entry.snapshot, entry.log, entry.child)

    async def _drop(self, entry: _Entry) -> None:
        session_id = entry.snapshot.row.session_id
        with trio.CancelScope(shield=True):
            if entry.child is not None:
                await entry.child.stop()  # which has things to tell us
            await self._context.broker.tell(Forget(session_id))
            # First: whoever kills us in between must not find a token that leads to the next session of this id.
            await self._context.tokens.forget_session(session_id)
            await self._context.journal.delete(session_id)
            await self._context.conversations.forget(entry.snapshot.row.log_id)
            self._context.failpoints.reach("session.deleted")
            # Only now is the id free: a new session must not meet what is left of the old one.
            del self._entries[session_id]
            _log.info("session deleted", session_id=session_id)

    def _infos(self) -> Sequence[SessionInfo]:
        settings = self._context.settings
        return [
            entry.snapshot.info(entry.log, settings) for entry in reversed(self._entries.values()) if not entry.dropping
        ]

    def _census(self) -> Census:
        cards = [entry.snapshot for entry in self._entries.values()]
        approvals = [ask for snapshot in cards for ask in snapshot.row.asks]
        permissions = sum(isinstance(ask, PermissionEventData) for ask in approvals)
        sessions: Counter[SessionStatus] = Counter(snapshot.status for snapshot in cards)
        return Census(
            sessions, sum(len(snapshot.row.queue) for snapshot in cards), permissions, len(approvals) - permissions
        )

    def _cursor(self) -> str:
        feed = self._context.journal.feed
        return f"{feed.log_id}:{feed.last}"
