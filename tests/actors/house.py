"""A daemon in this process with the real mock agent, and a reader of its logs."""

import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.machine.process_rows import read_all
from sandbox_agent.schema.api.sessions import CreateSessionRequest, MessageRequest
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.settings import Settings

from ..patience import PATIENCE
from ..proof.rules.history import Event
from ..proof.rules.log_rules import broken_in_log, said
from .commanded import CommandedDaemon


def tail(log: EventLog, after: int = 0) -> Sequence[EncodedEvent]:
    """The events that the log holds in memory; all of an ephemeral journal's."""
    batch = log.read_tail(max(after, log.first - 1), 1 << 30)
    assert batch is not None, "older events are on disk: read them with `await log.read`"
    return batch.events


def events_of(log: EventLog) -> list[Event]:
    return [json.loads(event.plain) for event in tail(log)]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


class House:
    """What the tests do with a daemon, said shortly."""

    def __init__(self, daemon: CommandedDaemon, sign: str) -> None:
        self.daemon = daemon
        self._sign = sign.encode()

    def agents_alive(self) -> list[int]:
        """Every living process that comes from this daemon, wherever its parents went: all inherit the sign."""
        return [row.id.pid for row in read_all() if not row.zombie and self._sign in _environment(row.id.pid)]

    async def create(self, session_id: str = "s", **request: Any) -> EventLog:
        await self.daemon.create_session(session_id, CreateSessionRequest(agent="mock", **request))
        return await self.daemon.log(session_id)

    async def send(self, text: str, session_id: str = "s") -> str:
        return (await self.daemon.send(session_id, MessageRequest(text))).turn_id

    async def until(self, log: EventLog, condition: Callable[[Event], bool]) -> Event:
        """The first event that fits, from the beginning of the log."""
        after = log.first - 1
        while True:
            for event in tail(log, after):
                after += 1
                if condition(decoded := json.loads(event.plain)):
                    return decoded
            await log.wait_beyond(after)
            assert not log.closed, [said(e) for e in events_of(log)]

    async def until_type(self, log: EventLog, type_: str, count: int = 1) -> Event:
        seen = 0

        def counted(event: Event) -> bool:
            nonlocal seen
            seen += event["type"] == type_
            return seen == count

        return await self.until(log, counted)

    async def until_status(self, status: str, session_id: str = "s") -> None:
        while (await self.daemon.session_info(session_id)).status != status:
            await trio.sleep(0.005)

    async def turn(self, log: EventLog, text: str, session_id: str = "s") -> list[Event]:
        """Send a prompt and return the events of its turn."""
        turn_id = await self.send(text, session_id)
        await self.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turn_id)
        events = events_of(log)
        start = next(i for i, e in enumerate(events) if e["data"].get("turn_id") == turn_id)
        end = next(i for i, e in enumerate(events) if e["type"] == "turn.ended" and e["data"]["turn_id"] == turn_id)
        return events[start : end + 1]


def check_history(events: list[Event]) -> None:
    broken = list(broken_in_log(events))
    assert not broken, broken


@asynccontextmanager
async def house(
    variables: Mapping[str, str] | None = None, clock: Clock | None = None, *, trace: bool = False, **settings: Any
) -> AsyncIterator[House]:
    """Everything that a daemon started must be gone when it is. ``variables`` are added to its environment; its home is
    its own, and goes with it."""
    options = {
        "ephemeral": "data_dir" not in settings,
        "mock_step_ms": 0.0,
        "end_eof": 0.5,
        "end_interrupt": 0.3,
        "end_terminate": 0.5,
        **settings,
    }
    sign = f"HOUSE={uuid.uuid4()}"
    with tempfile.TemporaryDirectory() as home, trio.fail_after(PATIENCE):
        environment = {"PATH": os.environ["PATH"], "HOME": home, **dict([sign.split("=")]), **(variables or {})}
        h = House(CommandedDaemon(Settings(**options), environment, clock, trace=trace), sign)
        daemon = h.daemon
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.run)
            yield h
            logs = [await daemon.log(info.session_id) for info in (await daemon.list_sessions()).sessions]
            await daemon.stop()
            for log in logs:
                if log.first == 1:
                    events = (await log.read(0, 1 << 30)).events
                    check_history([json.loads(event.plain) for event in events])
    assert not h.agents_alive()
