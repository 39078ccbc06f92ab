"""One home and one data directory, and the daemons that live on them one after the other."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from ...proof.rules.history import FEED, Frame, History, Kept
from ...proof.rules.log_rules import broken_in_log
from ...proof.rules.stream_rules import broken_in_feed, broken_in_streams
from ..daemon import RunningDaemon, Session, running_daemon
from ..sandbox import Sandbox
from .agents.agent import Agent, Models
from .readers import Reader
from .world import World


@define
class Lives:
    agent: Agent
    sandbox: Sandbox
    models: Models
    sessions: list[Session] = field(factory=list[Session])
    readers: list[Reader] = field(factory=list[Reader])

    @asynccontextmanager
    async def life(self, **settings: object) -> AsyncIterator[World]:
        """The next daemon. The clients of the last one come back to it with the cursors that they have."""
        environment = {f"SANDBOX_AGENT_{name.upper()}": str(value) for name, value in settings.items()}
        sandbox = Sandbox(self.sandbox.home, self.sandbox.work, self.sandbox.environment | environment)
        async with running_daemon(sandbox) as daemon:
            world = World(self.agent, daemon, sandbox, self.models, self.sessions)
            yield world
            world.understood()

    def rejoin(self, daemon: RunningDaemon) -> None:
        """Every client comes back to this daemon, with the cursor that it has."""
        for session in self.sessions:
            daemon.rejoin(session)
        for reader in self.readers:
            daemon.listen(partial(reader.follow, daemon))

    def read(self, daemon: RunningDaemon, *readers: Reader) -> None:
        self.readers += readers
        for reader in readers:
            daemon.listen(partial(reader.follow, daemon))

    def left(self) -> list[Path]:
        """Private directories that are still there."""
        return list(Path(self.sandbox.environment["TMPDIR"]).glob("sandbox-agent-*"))

    def left_by_agents(self) -> list[Path]:
        """What is in them. In namespaces those of all agents lie in one, which is there as long as its daemon is."""
        return [path for directory in self.left() for path in directory.iterdir()]

    async def check(self, daemon: RunningDaemon) -> None:
        """Hold everything that any client was ever told against what is kept in the end."""
        listed = (await daemon.http.get("/v1/sessions")).json()
        logs = [
            await _kept(daemon, info["sessionId"], info["logId"], info["eventCount"]) for info in listed["sessions"]
        ]
        feed_log, _, last = listed["cursor"].rpartition(":")
        feed = await _kept(daemon, FEED, feed_log, int(last))
        for reader in self.readers:
            await reader.reaches(next((log.last for log in logs if log.session == reader.session), feed.last))
        streams = [stream for reader in self.readers for stream in reader.streams]
        seen = History(streams=streams, logs=logs, feed=feed)
        broken = [*broken_in_streams(seen), *broken_in_feed(seen)]
        broken += [complaint for log in logs for complaint in broken_in_log(log.events, over=True)]
        assert not broken, broken
        for log, session in zip(reversed(logs), self.sessions, strict=True):
            await session.reaches(log.last)
            assert session.events == log.events, "what the client was told, over all its connections"


async def _kept(daemon: RunningDaemon, session: str, log_id: str, last: int) -> Kept:
    """A log as a new client gets it."""
    reader = Reader(session)

    async def follow() -> None:
        await reader.follow(daemon)

    daemon.nursery.start_soon(follow)
    await reader.reaches(last)
    frames = [frame for frame in reader.connections[0].frames if isinstance(frame, Frame)]
    return Kept(session, log_id, frames)


async def history(daemon: RunningDaemon, session: Session) -> list[dict[str, Any]]:
    """All that the log of a session holds now."""
    info = await session.info()
    kept = await _kept(daemon, info["sessionId"], info["logId"], info["eventCount"])
    return [json.loads(frame.data) for frame in kept.frames]
