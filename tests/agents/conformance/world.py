"""Everything that one test of the story runs in: a daemon, one agent, its model, and a sign on all processes."""

import signal
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import trio
from attrs import define, field

from ...actors.house import check_history
from ..daemon import Event, RunningDaemon, Session, of_type
from ..sandbox import Sandbox
from .agents.agent import Agent, Models
from .human import Human

SIGN = "CONFORMANCE_SIGN"

POLL = 0.05  # seconds; each look reads the environment of every process


def sign() -> dict[str, str]:
    """An environment variable that every descendant of the daemon inherits, wherever its parents went."""
    return {SIGN: uuid.uuid4().hex}


@define
class World:
    agent: Agent
    daemon: RunningDaemon
    sandbox: Sandbox
    models: Models
    sessions: list[Session] = field(factory=list[Session])

    async def session(self, human: Human | None = None, **body: Any) -> Session:
        session = await self.daemon.session(self.sandbox, human or Human(), agent=self.agent.name, **body)
        self.sessions.append(session)
        return session

    def can(self, capability: str) -> bool:
        """That the agent says so too is a test of its own: to ask a daemon starts every agent for its version."""
        return capability not in self.agent.cannot

    async def capabilities(self) -> dict[str, bool]:
        agents = (await self.daemon.http.get("/v1/agents")).json()["agents"]
        (capabilities,) = [agent["capabilities"] for agent in agents if agent["id"] == self.agent.name]
        return capabilities

    def heard(self, text: str) -> bool:
        """Whether the model was told this with the last prompt. An agent without a model is not asked."""
        return self.agent.heard is None or text in self.agent.heard(self.models)

    async def hears(self, text: str) -> None:
        """Wait until the model has been told this."""
        while not self.heard(text):
            await trio.sleep(POLL)

    def signed(self) -> list[psutil.Process]:
        """Every living process below the daemon, found by its environment and not by its parents."""
        mark = f"{SIGN}={self.sandbox.environment[SIGN]}".encode()
        found = [process for process in psutil.process_iter() if mark in _environment(process)]
        return [process for process in found if process.pid != self.daemon.process.pid]

    async def lose_power(self) -> None:
        """The daemon and all that it started are killed, and none of them sees another die."""
        self.daemon.process.send_signal(signal.SIGSTOP)
        for process in self.signed():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await self.daemon.kill()

    def agent_process(self) -> psutil.Process:
        """The one that the daemon started."""
        (process,) = [process for process in self.signed() if _parent(process) == self.daemon.process.pid]
        return process

    def running(self, *argv: str) -> list[psutil.Process]:
        return [process for process in self.signed() if _command(process) == list(argv)]

    async def runs(self, *argv: str, count: int = 1) -> None:
        """Wait until so many processes have this command line."""
        while len(self.running(*argv)) < count:
            await trio.sleep(POLL)

    async def gone(self, *argv: str) -> None:
        """Wait until no process has this command line."""
        while self.running(*argv):
            await trio.sleep(POLL)

    def understood(self) -> None:
        """Whatever happens in a test, nothing that the agent says may be unknown to us."""
        told = {session.id: of_type(session.events, "agent.unparsed") for session in self.sessions}
        assert not any(told.values()), told

    def check(self, errors: tuple[str, ...] = ()) -> None:
        """What must hold of every log. ``errors`` are the messages of the errors that were provoked: what an agent
        prints on its terminal is none."""
        told: list[str] = []
        for session in self.sessions:
            check_history(session.events)
            told += [event["data"]["message"] for event in of_type(session.events, "error")]
        assert len(told) == len(errors), told
        assert all(part in message for part, message in zip(errors, told, strict=True)), told


def _parent(process: psutil.Process) -> int | None:
    """None of one that is gone: agents start programs that last a moment."""
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _environment(process: psutil.Process) -> bytes:
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes()
    except OSError:
        return b""


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def texts(events: list[Event]) -> list[str]:
    """The text of every message of the assistant."""
    items = [event["data"]["item"] for event in of_type(events, "item.completed")]
    said = [item for item in items if (item["kind"], item["role"]) == ("message", "assistant")]
    return ["".join(part.get("text", "") for part in item["content"] if part["type"] == "text") for item in said]
