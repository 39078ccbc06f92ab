"""The journal: where sessions and their events are kept. Durable before visible: ``append`` returns when both hold.

This one keeps them in memory, so a restart of the daemon forgets them. The interface is the one that a journal on
disk fills: every write is awaited, and nobody but the journal makes an event visible in a log.
"""

from collections.abc import Sequence
from typing import Protocol

from attrs import define, frozen

from ..schema.agents.dialect import Prompt
from ..schema.encode import EncodedEvent
from ..schema.sessions import CreateSessionRequest
from ..schema.settings import Settings
from .clock import Clock
from .log import Log


@frozen
class QueuedPrompt:
    """An accepted prompt and the turn that is reserved for it."""

    prompt: Prompt
    turn_id: str


@frozen
class SessionRow:
    """What is kept of a session beside its events. ``request`` has every default filled in.

    ``resume`` is the native id of a conversation that the agent has written down, ``native_session_id`` also one that
    it has not. ``prompts`` and ``turns`` count the ids that were given out; ``queue`` holds the prompts that wait, and
    ``current`` the one that was taken up last: a prompt that was accepted is never forgotten.
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
    queue: tuple[QueuedPrompt, ...] = ()
    current: QueuedPrompt | None = None
    ended: bool = False
    failed: bool = False
    exit_code: int | None = None
    end_message: str | None = None


class Journal(Protocol):
    feed: Log

    async def create(self, row: SessionRow) -> Log: ...

    async def update(self, row: SessionRow) -> None: ...

    async def append(self, session_id: str, events: Sequence[EncodedEvent]) -> None: ...

    async def delete(self, session_id: str) -> None: ...

    async def rows(self) -> Sequence[tuple[SessionRow, Log]]: ...


@define
class _Kept:
    row: SessionRow
    log: Log


class MemoryJournal:
    def __init__(self, settings: Settings, clock: Clock, feed_id: str) -> None:
        self.feed = Log(feed_id, settings.feed_bytes)
        self._settings = settings
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def __repr__(self) -> str:
        return f"<MemoryJournal sessions={len(self._kept)} {self.feed!r}>"

    async def create(self, row: SessionRow) -> Log:
        log = Log(row.log_id, self._settings.log_bytes)
        log.updated_ms = row.created_ms
        self._kept[row.session_id] = _Kept(row, log)
        return log

    async def update(self, row: SessionRow) -> None:
        self._kept[row.session_id].row = row

    async def append(self, session_id: str, events: Sequence[EncodedEvent]) -> None:
        now_ms = self._clock.now_ms()
        self._kept[session_id].log.append(events, now_ms)
        self.feed.append(events, now_ms)

    async def delete(self, session_id: str) -> None:
        self._kept.pop(session_id).log.close()

    async def rows(self) -> Sequence[tuple[SessionRow, Log]]:
        return [(kept.row, kept.log) for kept in self._kept.values()]

    def close(self) -> None:
        """Wake every reader for good: the daemon stops."""
        self.feed.close()
        for kept in self._kept.values():
            kept.log.close()
