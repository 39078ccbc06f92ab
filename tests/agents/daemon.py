"""The daemon as a user starts it, and a client that follows a session over plain HTTP."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import trio
from trio_websocket import ConnectionClosed

from .sandbox import POLL, Sandbox

TIME_LIMIT = 120  # seconds for everything that a test does with one daemon: opencode needs some on a busy machine
END_LIMIT = 15  # seconds for the daemon to end on SIGTERM
TOKEN = "a-token-for-tests"
READY = "listening on "

BROKEN = (httpx.TransportError, ConnectionClosed)
"""How the end of the daemon looks to who was connected."""

Event = dict[str, Any]
T = TypeVar("T")


class Session:
    """A session as a client sees it: what it is told comes only from the event stream."""

    def __init__(self, http: httpx.AsyncClient, session_id: str, answer: "Answer") -> None:
        self.id = session_id
        self.http = http
        self.url = f"/v1/sessions/{session_id}"
        self.answer = answer
        self.events: list[Event] = []
        self._cursor: str | None = None
        self._news = trio.Event()

    async def post(self, path: str, **body: Any) -> httpx.Response:
        response = await self.http.post(self.url + path, json=body)
        assert response.is_success, response.text
        return response

    async def info(self) -> dict[str, Any]:
        return dict((await self.http.get(self.url)).json())

    async def follow(self) -> None:
        """Listen from where we are until the session's stream ends. Asks are answered as they come."""
        cursor = {"Last-Event-ID": self._cursor} if self._cursor is not None else {}
        async with self.http.stream("GET", f"{self.url}/events/sse", headers=cursor) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    self._cursor = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    event = json.loads(line[len("data: ") :])
                    self.events.append(event)
                    self._news.set()
                    self._news = trio.Event()
                    if event["type"] in ("permission.requested", "question.requested"):
                        await self.answer(self, event)

    async def until(self, found: Callable[[], T | None]) -> T:
        while not (result := found()):
            await self._news.wait()
        return result

    async def reaches(self, sequence: int) -> None:
        """Wait until everything up to here was heard."""
        await self.until(lambda: self.events and self.events[-1]["sequence"] >= sequence)

    async def wait_for(self, type_: str, count: int = 1) -> Event:
        """The event of this type that is the ``count``-th so far."""
        return (await self.until(lambda: of_type(self.events, type_)[count - 1 :]))[0]

    async def send(self, text: str, attachments: Sequence[Path] = ()) -> None:
        await self.post("/messages", message=text, attachments=[{"path": str(path)} for path in attachments])

    async def turn(self, text: str, attachments: Sequence[Path] = ()) -> list[Event]:
        """A prompt and everything up to the end of its turn."""
        start = len(self.events)
        await self.send(text, attachments)
        await self.until(lambda: of_type(self.events[start:], "turn.ended"))
        return self.events[start:]


Answer = Callable[[Session, Event], Awaitable[None]]


async def allow(session: Session, event: Event) -> None:
    """Allow everything once; answer every question with its first label."""
    data = event["data"]
    if "permission_id" in data:
        await session.post(f"/permissions/{data['permission_id']}/reply", reply="once")
    else:
        answers = [[part["options"][0]["label"]] for part in data["questions"]]
        await session.post(f"/questions/{data['question_id']}/reply", answers=answers)


def once_only(reply: str) -> Answer:
    """The first permission; after an "always" the daemon answers by itself."""

    async def answer(session: Session, event: Event) -> None:
        if len(of_type(session.events, "permission.requested")) == 1:
            await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply=reply)

    return answer


def deciders(events: Sequence[Event]) -> list[str]:
    """Who decided the permissions, in order."""
    return [event["data"]["decided_by"]["kind"] for event in of_type(events, "permission.resolved")]


async def allow_commands(session: Session, event: Event) -> None:
    """What a mode that accepts edits leaves to a human."""
    if event["data"]["action"] in ("bash", "shell", "shell_command", "Bash"):
        await allow(session, event)


async def leave_open(_: Session, __: Event) -> None:
    return


class RunningDaemon:
    def __init__(self, process: trio.Process, http: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        self.process = process
        self.http = http
        self.nursery = nursery
        self._sessions = 0
        self._killed = False

    async def create(self, **body: Any) -> httpx.Response:
        """A session that nobody follows, with its HTTP answer as it came."""
        self._sessions += 1
        return await self.http.post(f"/v1/sessions/s{self._sessions}", json={"agent": "claude", **body})

    async def session(self, sandbox: Sandbox, answer: Answer = allow, **body: Any) -> Session:
        response = await self.create(**{"directory": str(sandbox.work), **body})
        assert response.status_code == 200, response.text
        session = Session(self.http, f"s{self._sessions}", answer)
        self.listen(session.follow)
        return session

    def rejoin(self, session: Session) -> None:
        """Go on with a session of an earlier daemon, where its client was when that one ended."""
        session.http = self.http
        self.listen(session.follow)

    def listen(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Until it ends, or the daemon is killed: then its connection breaks."""

        async def listen() -> None:
            try:
                await follow()
            except* BROKEN:
                if not self._killed:
                    raise

        self.nursery.start_soon(listen)

    async def kill(self) -> None:
        """SIGKILL, as the OOM killer would."""
        self._killed = True
        self.process.kill()
        await self.process.wait()

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def agents(self) -> list[psutil.Process]:
        """The agent processes that are alive now."""
        return self.named("claude")

    def named(self, name: str) -> list[psutil.Process]:
        return [process for process in self.descendants() if _name(process) == name]

    async def runs(self, name: str) -> None:
        """Wait until a process of this name runs below the daemon."""
        while name not in map(_name, self.descendants()):
            await trio.sleep(POLL)

    async def runs_no_more(self, name: str) -> None:
        """Wait until no process of this name runs below the daemon."""
        while name in map(_name, self.descendants()):
            await trio.sleep(POLL)


@asynccontextmanager
async def running_daemon(
    sandbox: Sandbox, *options: str, prepare: Callable[[], None] | None = None
) -> AsyncIterator[RunningDaemon]:
    """A daemon on a free port. Unless it is killed before, it must end on SIGTERM, and nothing of it may be left.
    ``prepare`` is called in its process, before it becomes the daemon."""
    with trio.fail_after(TIME_LIMIT), Path(sandbox.home, "daemon.log").open("ab") as log:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "sandbox_agent.cli.main", "server", "--host", "127.0.0.1", "--port", "0", *options],
            preexec_fn=prepare,
            env={**sandbox.environment, "SANDBOX_AGENT_TOKEN": TOKEN},
            cwd=sandbox.home,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            url = await _ready(process)
            headers = {"Authorization": f"Bearer {TOKEN}"}
            client = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIME_LIMIT, trust_env=False)
            async with client as http, trio.open_nursery() as nursery:
                yield RunningDaemon(process, http, nursery)
                nursery.cancel_scope.cancel()
            if process.returncode is not None:
                return
            descendants = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            with trio.fail_after(END_LIMIT):
                assert await process.wait() == 0, Path(sandbox.home, "daemon.log").read_text()
            assert alive(descendants) == []
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def _ready(process: trio.Process) -> str:
    assert process.stdout is not None
    said = b""
    while b"\n" not in said:
        chunk = await process.stdout.receive_some()
        assert chunk, "the daemon ended before it was ready"
        said += chunk
    line = said.split(b"\n")[0].decode()
    assert line.startswith(READY), line
    return line.removeprefix(READY)


def _name(process: psutil.Process) -> str | None:
    """None when it is gone by now."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return None


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not."""
    return [process for process in processes if process.is_running() and _status(process) != psutil.STATUS_ZOMBIE]


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE


def of_type(events: Sequence[Event], type_: str) -> list[Event]:
    return [event for event in events if event["type"] == type_]


def items(events: Sequence[Event], kind: str | None = None) -> list[dict[str, Any]]:
    """The completed items, in order."""
    done = [event["data"]["item"] for event in of_type(events, "item.completed")]
    return [item for item in done if kind is None or item["kind"] == kind]


def parts(events: Sequence[Event], type_: str) -> Iterator[dict[str, Any]]:
    for item in items(events):
        yield from (part for part in item["content"] if part["type"] == type_)


def last_words(events: Sequence[Event]) -> str:
    """The text of the last message."""
    return "".join(part.get("text", "") for part in items(events, "message")[-1]["content"])


def outcome(events: Sequence[Event]) -> str:
    (ended,) = of_type(events, "turn.ended")
    return str(ended["data"]["metadata"]["outcome"])
