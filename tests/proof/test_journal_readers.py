"""Properties of logs, cursors and readers: whatever is appended, deleted, subscribed to and left, in whatever order,
each reader gets exactly the suffix that it asked for, and nobody waits for a slow one."""

import json
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_agent.actors.clock import Clock
from sandbox_agent.actors.journal import Entry, Journal, SessionRow
from sandbox_agent.actors.log import Log
from sandbox_agent.actors.memory_journal import MemoryJournal
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.cursor import Cursor
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.sessions import CreateSessionRequest
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.readers import Readers

from .history import FEED, Attempt, Command, Frame, History, Kept
from .recorder import Watching
from .stream_rules import broken_in_feed, broken_in_streams
from .wire import heard

FAR = 10**6
SMALL = Settings(log_bytes=4000, feed_bytes=6000, stream_batch_bytes=900, sse_keepalive=0, websocket_ping=0)
ROOMY = Settings(stream_batch_bytes=900, sse_keepalive=0)


@define
class Subscriber:
    watching: Watching
    scope: trio.CancelScope = field(factory=trio.CancelScope)


class Theatre:
    """A journal, its readers, and what each of them got."""

    def __init__(self, journal: Journal, options: Settings, nursery: trio.Nursery, seed: int) -> None:
        self.journal = journal
        self.readers = Readers(options, Codec())
        self.nursery = nursery
        self.dice = random.Random(seed)
        self.logs: dict[str, Log] = {}
        self.subscribers: list[Subscriber] = []
        self.deleted: set[str] = set()

    def event(self, session: str, sequence: int) -> EncodedEvent:
        filling = "x" * self.dice.choice([0, 10, 200, 1500])
        head = json.dumps({"sequence": sequence, "session_id": session, "filling": filling}).encode()[:-1]
        return EncodedEvent(sequence, "item.delta", False, head, self.dice.choice([None, b'"words"']))

    async def append(self, session: str, count: int) -> None:
        if session not in self.logs:
            row = SessionRow(session, f"log{len(self.logs)}{len(self.deleted)}", CreateSessionRequest("mock"), "/", 1)
            self.logs[session] = await self.journal.create(row)
        last = self.logs[session].last
        events = [self.event(session, last + number) for number in range(1, count + 1)]
        await self.journal.write(Entry(session, None, events))

    async def delete(self, session: str) -> None:
        if session in self.logs:
            self.deleted.add(session)
            del self.logs[session]
            await self.journal.delete(session)

    def subscribe(self, session: str, where: str, via: str, patience: int) -> None:
        """``patience`` is how many other tasks may run before it takes its next chunk."""
        log = self.journal.feed if session == FEED else self.logs.get(session)
        if log is None:
            return
        asked = {"start": 0, "end": log.last, "within": self.dice.randint(0, log.last), "future": FAR, "foreign": 1}
        cursor = Cursor(asked[where], "another" if where == "foreign" else log.log_id)
        watching = Watching(session, via, cursor.sequence, cursor.log_id, log.log_id)
        subscriber = Subscriber(watching)
        self.subscribers.append(subscriber)
        self.nursery.start_soon(self._follow, log, cursor, subscriber, patience)

    async def _follow(self, log: Log, cursor: Cursor, subscriber: Subscriber, patience: int) -> None:
        watching = subscriber.watching
        framing = self.readers.sse(False) if watching.via == "sse" else self.readers.websocket(False)
        with subscriber.scope:
            async with aclosing(self.readers.follow(log, cursor, framing)) as chunks:
                async for chunk in chunks:
                    take = _sse_frames if watching.via == "sse" else _websocket_frames
                    watching.heard += take(chunk)
                    for _ in range(patience):
                        await trio.lowlevel.checkpoint()

    def leave(self) -> None:
        if self.subscribers:
            self.dice.choice(self.subscribers).scope.cancel()

    async def history(self) -> History:
        logs = [Kept(name, log.log_id, await _kept(log), log.first, last=log.last) for name, log in self.logs.items()]
        feed = self.journal.feed
        kept_feed = Kept(FEED, feed.log_id, await _kept(feed), feed.first, last=feed.last)
        streams = [subscriber.watching.stream for subscriber in self.subscribers]
        commands = [Command(name, "delete", None, [Attempt(204)]) for name in self.deleted]
        return History(commands, streams, logs, kept_feed)


def _sse_frames(chunk: bytes) -> list[Any]:
    blocks = [block.partition(b"\ndata: ") for block in chunk.split(b"\n\n") if block]
    return [heard(data, int(name.rpartition(b":")[2])) for name, _, data in blocks]


def _websocket_frames(chunk: bytes) -> list[Any]:
    found: list[Any] = []
    while chunk:
        size, start = chunk[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(chunk[2:start])
        found.append(heard(chunk[start : start + size]))
        chunk = chunk[start + size :]
    return found


async def _kept(log: Log) -> Sequence[Frame]:
    frames: list[Frame] = []
    after = log.first - 1
    while after < log.last:
        batch = await log.read(after, 5000, raw=False)
        placed = zip(batch.positions, batch.events, strict=True)
        frames += [Frame(position, event.plain) for position, event in placed]
        after = batch.last
    return frames


SESSIONS = ("a", "b")
STEPS = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(SESSIONS), st.integers(1, 12)),
    st.tuples(
        st.just("subscribe"),
        st.sampled_from([*SESSIONS, FEED]),
        st.sampled_from(["start", "end", "within", "within", "future", "foreign"]),
        st.sampled_from(["sse", "websocket"]),
        st.sampled_from([0, 1, 30]),
    ),
    st.tuples(st.just("delete"), st.sampled_from(SESSIONS)),
    st.tuples(st.just("leave")),
    st.tuples(st.just("pause"), st.integers(1, 10)),
)


async def play(theatre: Theatre, steps: Sequence[Any]) -> None:
    for step in steps:
        match step:
            case "append", session, count:
                await theatre.append(session, count)
            case "subscribe", session, where, "websocket", _ if session == FEED:
                theatre.subscribe(session, where, "sse", 0)
            case "subscribe", session, where, via, patience:
                theatre.subscribe(session, where, via, patience)
            case "delete", session:
                await theatre.delete(session)
            case ("leave",):
                theatre.leave()
            case "pause", count:
                for _ in range(count):
                    await trio.lowlevel.checkpoint()


def complaints(history: History, subscribers: Sequence[Subscriber]) -> list[str]:
    found = [*broken_in_streams(history), *broken_in_feed(history)]
    logs = {log.log_id: log for log in (*history.logs, history.feed)}
    for subscriber in subscribers:
        watching = subscriber.watching
        kept, stayed = logs.get(watching.log_id), not subscriber.scope.cancelled_caught
        if stayed and kept is not None and kept.frames and watching.asked != kept.last:
            newest = max((frame.position for frame in watching.stream.events), default=0)
            if newest < kept.frames[-1].position:
                found.append(f"3: a reader that stayed has {newest}, and the log ends with {kept.frames[-1].position}")
    return found


@asynccontextmanager
async def memory_journal(options: Settings) -> AsyncGenerator[Journal]:
    yield MemoryJournal(options, Clock(), "feed")


JOURNALS = {"all in memory": (memory_journal, ROOMY), "expiring": (memory_journal, SMALL)}


@pytest.mark.parametrize("kind", JOURNALS)
@given(steps=st.lists(STEPS, min_size=5, max_size=40), seed=st.integers(0, 1 << 32))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_reader_gets_exactly_what_its_cursor_has_not(kind: str, steps: Sequence[Any], seed: int):
    make, options = JOURNALS[kind]

    async def main() -> None:
        async with make(options) as journal, trio.open_nursery() as nursery:
            theatre = Theatre(journal, options, nursery, seed)
            await play(theatre, steps)
            await trio.testing.wait_all_tasks_blocked(0.001)
            history = await theatre.history()
            nursery.cancel_scope.cancel()
        assert complaints(history, theatre.subscribers) == []

    trio.run(main)
