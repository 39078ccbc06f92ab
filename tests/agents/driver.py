"""The smallest thing that drives a dialect against its real CLI: what the session actor does, without the daemon."""

import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from sandbox_agent.actors.agents.http_client import HttpClient
from sandbox_agent.actors.processes.line_splitter import OversizedLine
from sandbox_agent.schema.agents.dialect import (
    AgentSpec,
    Dialect,
    ExitStatus,
    HttpDialect,
    HttpResponse,
    MakeDialect,
    Prompt,
)
from sandbox_agent.schema.agents.effects import (
    BackgroundChanged,
    CallHttp,
    Effect,
    FollowStream,
    NativeSessionNamed,
    Reach,
    Ready,
    RequestPermission,
    RequestQuestion,
    WithdrawApproval,
    Write,
)
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.background import BackgroundTask
from sandbox_agent.schema.events import ItemEventData, QuestionPart
from sandbox_agent.schema.items import UniversalItem
from sandbox_agent.schema.settings import Settings

from ..schema.playbook import DRAFTS
from .sandbox import Sandbox

TIME_LIMIT = 60  # seconds for everything that a test does with one process

T = TypeVar("T")
Answer = Callable[[Dialect, RequestPermission | RequestQuestion], Sequence[Effect]]


def allow(dialect: Dialect, ask: RequestPermission | RequestQuestion) -> Sequence[Effect]:
    """Allow everything once; answer every question with its first label, or what fits any form of ours."""
    if isinstance(ask, RequestPermission):
        return dialect.answer_permission(ask.permission_id, "once")
    return dialect.answer_question(ask.data.question_id, [[_first(part)] for part in ask.data.questions or ()])


def _first(part: QuestionPart) -> str:
    if part.options:
        return part.options[0].label
    return "1" if part.kind in ("number", "integer") else "ada@example.com"


def leave_open(_: Dialect, __: RequestPermission | RequestQuestion) -> Sequence[Effect]:
    return ()


class Driver:
    """``events`` is all that a client would see, ``asks`` what was ever asked, ``withdrawn`` what was taken back,
    ``background`` what goes on now beside the turns."""

    def __init__(self, dialect: Dialect, process: trio.Process, answer: Answer, nursery: trio.Nursery) -> None:
        self.dialect = dialect
        self.process = process
        self.answer = answer
        self._nursery = nursery
        self._port: HttpClient | None = None
        self.ledger = Ledger()
        self.events: list[EventDraft] = []
        self.approvals: list[RequestPermission | RequestQuestion] = []
        self.withdrawn: list[str] = []
        self.native: NativeSessionNamed | None = None
        self.background: tuple[BackgroundTask, ...] = ()
        self.ready = False
        self.status: ExitStatus | None = None
        self._prompts = 0
        self._news = trio.Event()

    async def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write(data=data):
                    assert self.process.stdin is not None
                    await self.process.stdin.send_all(data)
                case Reach():
                    self._port = HttpClient(effect, self, Settings())
                    self._nursery.start_soon(self._port.run)
                case CallHttp():
                    assert self._port is not None
                    self._port.call(effect)
                case FollowStream(path=path):
                    assert self._port is not None
                    self._port.follow(path)
                case RequestPermission() | RequestQuestion():
                    self.approvals.append(effect)
                    await self.perform(self.answer(self.dialect, effect))
                case WithdrawApproval(approval_id=approval_id):
                    self.withdrawn.append(approval_id)
                case NativeSessionNamed():
                    self.native = effect
                case BackgroundChanged(tasks=tasks):
                    self.background = tasks
                case Ready():
                    self.ready = True
                case _ if isinstance(effect, DRAFTS):
                    self.events += self.ledger.apply(effect)
        self._news.set()
        self._news = trio.Event()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self.perform(self.dialect.receive(line))
        code = await self.process.wait()
        self.status = ExitStatus(code, None) if code >= 0 else ExitStatus(None, -code)
        await self.perform(self.dialect.exited(self.status))

    @property
    def http(self) -> HttpDialect:
        assert isinstance(self.dialect, HttpDialect)
        return self.dialect

    async def responded(self, call_id: str, response: HttpResponse) -> None:
        await self.perform(self.http.responded(call_id, response))

    async def stream_opened(self) -> None:
        await self.perform(self.http.stream_opened())

    async def streamed(self, payloads: list[bytes | OversizedLine]) -> None:
        for payload in payloads:
            assert isinstance(payload, bytes)
            await self.perform(self.http.streamed(payload))

    async def until(self, found: Callable[[], T | None]) -> T:
        """Wait for something to be there."""
        while not (result := found()):
            await self._news.wait()
        return result

    async def prompt(self, text: str, **rest: object) -> None:
        self._prompts += 1
        await self.perform(self.dialect.prompt(Prompt(self._prompts, text, **rest)))  # type: ignore[arg-type]

    async def turn(self, text: str, **rest: object) -> list[EventDraft]:
        """A prompt and everything up to the end of its turn."""
        start = len(self.events)
        await self.prompt(text, **rest)
        await self.until(lambda: any(event.type == "turn.ended" for event in self.events[start:]))
        return self.events[start:]

    async def wait_for(self, type_: str, count: int = 1) -> EventDraft:
        """The event of this type that is the ``count``-th so far."""
        found = await self.until(lambda: [event for event in self.events if event.type == type_][count - 1 :])
        return found[0]


@asynccontextmanager
async def driving(make: MakeDialect, sandbox: Sandbox, answer: Answer = allow, **spec: object) -> AsyncIterator[Driver]:
    """The agent, ready for prompts; gone when the block ends."""
    full = AgentSpec(**{  # type: ignore[arg-type]
        "session_id": "s", "executable": ("claude",), "directory": str(sandbox.work), "agent_mode": "build",
        "permission_mode": "default", "seed": str(sandbox.home), **spec,
    })  # fmt: skip
    dialect = make(full)
    launch = dialect.launch()
    changes = {**launch.defaults, **sandbox.environment, **launch.env}
    environment = {name: value for name, value in changes.items() if value is not None}
    with trio.fail_after(TIME_LIMIT), Path(sandbox.home, "stderr.txt").open("ab") as stderr:
        process = await trio.lowlevel.open_process(
            launch.argv, cwd=sandbox.work, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        try:
            async with trio.open_nursery() as nursery:
                driver = Driver(dialect, process, answer, nursery)
                nursery.start_soon(driver.listen)
                await driver.perform(dialect.begin())
                await driver.until(lambda: driver.ready or driver.status)
                yield driver
                nursery.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


def items(events: Sequence[EventDraft], kind: str | None = None) -> list[UniversalItem]:
    """The completed items, in order."""
    done = [
        event.data.item for event in events if event.type == "item.completed" and isinstance(event.data, ItemEventData)
    ]
    return [item for item in done if kind is None or item.kind == kind]


def parts(events: Sequence[EventDraft], cls: type[T]) -> list[T]:
    """The content parts of a class, of all completed items."""
    return [part for item in items(events) for part in item.content if isinstance(part, cls)]


def outcome(events: Sequence[EventDraft]) -> str:
    ended = [event.data for event in events if event.type == "turn.ended"]
    assert len(ended) == 1, "a turn ends once"
    return str(attrs.asdict(ended[0])["metadata"]["outcome"])
