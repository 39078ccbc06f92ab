"""Lives of a journal on disk, or of its writer alone, without a daemon, and what is written in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from sandbox_agent.actors.journal.disk import DiskJournal
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.group_commit import GroupCommit
from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.journal.outage import Outage
from sandbox_agent.actors.journal.row_codec import RowCodec
from sandbox_agent.actors.journal.sqlite import SqliteStore
from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.kernel.failpoints import Failpoints
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE


class FrozenClock(Clock):
    """The wall clock, which a test sets."""

    def __init__(self, at_ms: int = 1_000) -> None:
        super().__init__()
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms


def event(number: int, *, raw: bytes | None = None, size: int = 10, ends: bool = False) -> EncodedEvent:
    return EncodedEvent(
        number, "turn.ended" if ends else "item.delta", ends, b'{"n":%d,"x":"%b"' % (number, b"x" * size), raw
    )


def row(session_id: str = "s", **more: Any) -> SessionRow:
    return SessionRow(session_id, f"log-{session_id}", CreateSessionRequest("mock"), "/", 1, **more)


@asynccontextmanager
async def life(directory: Path, **settings: Any) -> AsyncIterator[DiskJournal]:
    """One life of a journal."""
    journal = DiskJournal(directory, Settings(**settings), Clock(), Failpoints())
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(journal.run)
            yield journal
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def writing(directory: Path) -> AsyncIterator[tuple[GroupCommit, list[float]]]:
    """A writer at work, and how long each of its commits took."""
    commits: list[float] = []
    store = SqliteStore.open(directory / FILE, RowCodec())
    writer = GroupCommit(store, Failpoints(), 0.01, commits.append, Outage(1.0))
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, writer.run)
            nursery.start_soon(writer.hand_over)
            try:
                yield writer, commits
            finally:
                writer.close()  # its thread cannot be cancelled
            nursery.cancel_scope.cancel()
    store.close()


async def all_of(log: EventLog, after: int = 0, max_bytes: int = 300) -> list[tuple[int, int]]:
    """Position and sequence of every event, read in small batches."""
    found: list[tuple[int, int]] = []
    while after < log.last:
        batch = await log.read(after, max_bytes)
        found += zip(batch.positions, [e.sequence for e in batch.events], strict=True)
        assert batch.last > after
        after = batch.last
    return found
