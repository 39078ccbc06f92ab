"""A conversation between the real mock program and the real dialect, over pipes, without the daemon between them.

What the dialect wants written is written; what it tells passes through a ledger. ``heard`` keeps all of it in order:
events as :class:`EventDraft`, commands as they are.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import trio

from sandbox_agent.schema.agents.dialect import AgentSpec, Attachment, Prompt
from sandbox_agent.schema.agents.effects import (
    NativeSessionNamed,
    Ready,
    RequestPermission,
    RequestQuestion,
    SessionEnded,
    WithdrawApproval,
    Write,
)
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.agents.mock.dialect import Mock

from ...patience import PATIENCE
from ...schema.playbook import DRAFTS, describe

PROGRAM = (sys.executable, "-m", "sandbox_agent.actors.mock")
TEST_SECONDS = PATIENCE
COMMANDS = (RequestPermission, RequestQuestion, NativeSessionNamed, Ready, SessionEnded, WithdrawApproval)


def mock_spec(step_ms: str | None = "0", **rest: Any) -> AgentSpec:
    settings = {} if step_ms is None else {"step_ms": step_ms}
    return AgentSpec("s", PROGRAM, ".", "build", "default", "seed", settings=settings, **rest)


class Talk:
    def __init__(self, process: trio.Process, dialect: Mock) -> None:
        self.process = process
        self.dialect = dialect
        self.ledger = Ledger()
        self.heard: list[Any] = []
        self._prompts = 0
        self._lines = self._read_lines()

    async def carry_out(self, effects: Iterable[Any]) -> list[Any]:
        """Do what the dialect wants; returns what is news of it."""
        news: list[Any] = []
        for effect in effects:
            if isinstance(effect, Write):
                assert self.process.stdin is not None
                await self.process.stdin.send_all(effect.data)
            elif isinstance(effect, DRAFTS):
                news.extend(self.ledger.apply(effect))
            else:
                news.append(effect)
        self.heard.extend(news)
        return news

    async def prompt(self, text: str, attachments: tuple[Attachment, ...] = ()) -> list[Any]:
        self._prompts += 1
        return await self.carry_out(self.dialect.prompt(Prompt(self._prompts, text, attachments)))

    async def until(self, wanted: str) -> list[Any]:
        """Listen until something whose description contains ``wanted`` was heard; all that was heard up to there."""
        news: list[Any] = []
        async for line in self._lines:
            latest = await self.carry_out(self.dialect.receive(line))
            news.extend(latest)
            if any(wanted in describe(one) for one in latest):
                return news
        raise AssertionError(f"the program ended before {wanted!r}; heard {told(news)}")

    async def turn(self, text: str, **rest: Any) -> list[Any]:
        return [*await self.prompt(text, **rest), *await self.until("turn.ended")]

    async def rest(self) -> list[bytes]:
        """The lines up to the end of stdout."""
        return [line async for line in self._lines]

    async def _read_lines(self) -> AsyncIterator[bytes]:
        assert self.process.stdout is not None
        partial: list[bytes] = []
        async for chunk in self.process.stdout:
            partial.append(bytes(chunk))
            if b"\n" in chunk:
                *lines, rest = b"".join(partial).split(b"\n")
                partial = [rest]
                for line in lines:
                    yield line


@asynccontextmanager
async def talking(spec: AgentSpec | None = None, **rest: Any) -> AsyncIterator[Talk]:
    """The program after its handshake. It is killed at the end, if it still lives."""
    dialect = Mock(spec or mock_spec())
    with trio.fail_after(TEST_SECONDS):
        argv = dialect.launch().argv
        process = await trio.lowlevel.open_process(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **rest)
        talk = Talk(process, dialect)
        try:
            await talk.carry_out(dialect.begin())
            await talk.until("Ready")
            yield talk
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                await process.stdin.aclose()
                await process.stdout.aclose()
                await talk._lines.aclose()


def told(heard: Iterable[Any]) -> list[str]:
    return [describe(one) for one in heard]


def events(heard: Iterable[Any]) -> list[EventDraft]:
    return [one for one in heard if isinstance(one, EventDraft)]


def types(heard: Iterable[Any]) -> list[str]:
    """Event types, and class names of what is no event, with S for the synthetic."""
    return [
        ("S " if one.synthetic else "") + one.type if isinstance(one, EventDraft) else type(one).__name__
        for one in heard
    ]
