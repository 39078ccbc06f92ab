"""Properties of logs, cursors and readers: whatever is appended, deleted and subscribed to, in any order, each reader
gets exactly the suffix that it asked for, and no reader waits for a slow one."""

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_agent.actors.journal.disk import DiskJournal
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.interface import Entry, Journal, SessionRow
from sandbox_agent.actors.journal.memory import MemoryJournal
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.kernel.failpoints import Failpoints
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.cursor import Cursor
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.subscriptions.readers import Readers

from .recorder import Watching
from .rules.history import FEED, Attempt, Command, Frame, History, Kept, Resync
from .rules.stream_rules import broken_in_feed, broken_in_streams
from .wire import heard

FAR = 10**6


class Stage:
    """The place of a journal, across its runs. Without a directory it is in memory, and has one run."""

    def __init__(self, options: Settings, directory: Path | None) -> None:
        self.options = options
        self._directory = directory
        self._scope = trio.CancelScope()
        self._over = trio.Event()

    async def live(self, *, task_status: trio.TaskStatus[Journal]) -> None:
        """One run, until :meth:`end`."""
        if self._directory is None:
            task_status.started(MemoryJournal(self.options, Clock(), "feed"))
            return
        journal = DiskJournal(self._directory, self.options, Clock(), Failpoints())
        self._over = trio.Event()
        with trio.CancelScope() as self._scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(journal.run)
                task_status.started(journal)
        self._over.set()

    @property
    def mortal(self) -> bool:
        return self._directory is not None

    async def end(self) -> None:
        self._scope.cancel()
        await self._over.wait()


@define
class Subscriber:
    """``there`` until it leaves, or its log ends."""

    watching: Watching
    there: bool = True
    scope: trio.CancelScope = field(factory=trio.CancelScope)


class Theatre:
    """A journal, its readers, and what each of them got."""

    journal: Journal

    def __init__(self, stage: Stage, nursery: trio.Nursery, seed: int) -> None:
        self.stage = stage
        self.readers = Readers(stage.options, Codec())
        self.nursery = nursery
        self.dice = random.Random(seed)
        self.logs: dict[str, EventLog] = {}
        self.subscribers: list[Subscriber] = []
        self.deleted: set[str] = set()
        self._numbers = itertools.count()

    async def open(self) -> None:
        self.journal = await self.nursery.start(self.stage.live)
        self.logs = {row.session_id: log for row, log in await self.journal.rows()}

    async def restart(self) -> None:
        if self.stage.mortal:
            await self.stage.end()
            while any(subscriber.there for subscriber in self.subscribers):
                await trio.sleep(0.001)
            await self.open()

    def event(self, session: str, sequence: int) -> EncodedEvent:
        filling = "x" * self.dice.choice([0, 10, 200, 1500])
        head = json.dumps({"sequence": sequence, "session_id": session, "filling": filling}).encode()[:-1]
        return EncodedEvent(sequence, "item.delta", False, head, self.dice.choice([None, b'"words"']))

    async def append(self, session: str, count: int) -> None:
        if session not in self.logs:
            row = SessionRow(session, f"log{next(self._numbers)}", CreateSessionRequest("mock"), "/", 1)
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

    async def _follow(self, log: EventLog, cursor: Cursor, subscriber: Subscriber, patience: int) -> None:
        watching = subscriber.watching
        framing = self.readers.sse(False) if watching.via == "sse" else self.readers.websocket(False)
        with subscriber.scope:
            async with aclosing(self.readers.follow(log, cursor, framing)) as chunks:
                async for chunk in chunks:
                    take = _sse_frames if watching.via == "sse" else _websocket_frames
                    watching.heard += take(chunk)
                    for _ in range(patience):
                        await trio.lowlevel.checkpoint()
        subscriber.there = False

    async def caught_up(self, kept: Mapping[str, Kept]) -> list[str]:
        """Waits until each reader has all that its log keeps; returns the readers that do not get it."""
        with trio.move_on_after(10):
            while self.behind(kept):
                await trio.sleep(0.001)
        return [f"3: never got to the end: {watching.stream}" for watching in self.behind(kept)]

    def behind(self, kept: Mapping[str, Kept]) -> list[Watching]:
        watched = [subscriber.watching for subscriber in self.subscribers if subscriber.there]
        return [w for w in watched if w.log_id not in kept or _position(w) < _newest(kept[w.log_id])]

    def leave(self) -> None:
        if self.subscribers:
            self.dice.choice(self.subscribers).scope.cancel()

    async def kept(self) -> dict[str, Kept]:
        logs = [(name, log) for name, log in self.logs.items()] + [(FEED, self.journal.feed)]
        return {
            log.log_id: Kept(name, log.log_id, await _read_all(log), log.first, last=log.last) for name, log in logs
        }

    def history(self, kept: Mapping[str, Kept]) -> History:
        logs = [log for log in kept.values() if log.session != FEED]
        streams = [subscriber.watching.stream for subscriber in self.subscribers]
        commands = [Command(name, "delete", None, [Attempt(204)]) for name in self.deleted]
        return History(commands, streams, logs, kept[self.journal.feed.log_id])


def _newest(kept: Kept) -> int:
    """Of the events that are there: what came after them may have been deleted."""
    return kept.frames[-1].position if kept.frames else 0


def _position(watching: Watching) -> int:
    """Where it stands; -1 when it must be told first that it stands nowhere."""
    match watching.heard[-1] if watching.heard else None:
        case Frame(position=at) | Resync(resumed_after=at):
            return at
        case _:
            return -1 if watching.asked == FAR or watching.asked_log != watching.log_id else watching.asked


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


async def _read_all(log: EventLog) -> Sequence[Frame]:
    frames: list[Frame] = []
    after = log.first - 1
    while after < log.last:
        batch = await log.read(after, 5000, raw=False, told=log.gone)
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
    st.tuples(st.just("restart")),
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
            case ("restart",):
                await theatre.restart()
            case "pause", count:
                for _ in range(count):
                    await trio.lowlevel.checkpoint()


KINDS = {
    "all in memory": Settings(ephemeral=True, stream_batch_bytes=900),
    "expiring": Settings(ephemeral=True, log_bytes=4000, feed_bytes=6000, stream_batch_bytes=900),
    "on disk": Settings(tail_bytes=3000, tails_bytes=5000, stream_batch_bytes=900),
}


@pytest.mark.parametrize("kind", KINDS)
@given(steps=st.lists(STEPS, min_size=5, max_size=40), seed=st.integers(0, 1 << 32))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_every_reader_gets_exactly_what_its_cursor_has_not(kind: str, steps: Sequence[Any], seed: int):
    async def main(directory: Path) -> None:
        options = KINDS[kind]
        async with trio.open_nursery() as nursery:
            stage = Stage(options, None if options.ephemeral else directory)
            theatre = Theatre(stage, nursery, seed)
            await theatre.open()
            await play(theatre, steps)
            kept = await theatre.kept()
            broken = await theatre.caught_up(kept)
            history = theatre.history(kept)
            broken += [*broken_in_streams(history), *broken_in_feed(history)]
            assert broken == []
            nursery.cancel_scope.cancel()

    with TemporaryDirectory() as directory:
        trio.run(main, Path(directory))
