"""The HTTP client of an agent: calls to an agent that serves on loopback, one after the other, and its event stream.
Calls whose answer takes as long as a turn are made in parallel.

Answers and events are passed to a listener, in the order of arrival. A slow listener slows the agent down, because
nothing is read meanwhile. No call raises: a missing answer is reported as status 0 with the reason.
"""

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import trio

from ...schema.access.loopback import is_loopback
from ...schema.agents.dialect import HttpResponse
from ...schema.agents.effects import CallHttp, Reach
from ...schema.settings import Settings
from ..processes.line_splitter import OversizedLine

if TYPE_CHECKING:
    from .http_connection import HttpConnection


CALLS_WAITING = 1000
"""Most calls that wait for the current one. Dialects make a few per turn: more means that the agent does not answer."""

MOST_ASIDE = 10
"""Most parallel calls at once. A turn makes one, and that of an interrupted turn may last longer."""


class HttpQueueFull(Exception):
    """The agent does not answer and too many calls wait for it already."""


class HttpListener(Protocol):
    async def responded(self, call_id: str, response: HttpResponse) -> None: ...

    async def stream_opened(self) -> None: ...

    async def streamed(self, payloads: list[bytes | OversizedLine]) -> None:
        """The payloads of the events of one read."""
        ...


class HttpClient:
    """Where one agent answers. Nothing is sent before :meth:`run`."""

    def __init__(self, reach: Reach, listener: HttpListener, settings: Settings) -> None:
        host = urlsplit(reach.base_url).hostname or ""
        if not is_loopback(host):
            raise ValueError(f"an agent is reached on loopback only, not at {host!r}")
        self._reach = reach
        self._listener = listener
        self._settings = settings
        self._send_call, self._calls = trio.open_memory_channel[CallHttp](CALLS_WAITING)
        self._send_path, self._paths = trio.open_memory_channel[str](1)
        self._aside = trio.Semaphore(MOST_ASIDE)
        self._answered = 0
        self._streams = 0

    def __repr__(self) -> str:
        waiting = self._calls.statistics().current_buffer_used
        url = self._reach.base_url
        return f"<HttpClient {url} answered={self._answered} waiting={waiting} streams={self._streams}>"

    def call(self, call: CallHttp) -> None:
        """Queue a call, without waiting. Raises :class:`HttpQueueFull`."""
        try:
            self._send_call.send_nowait(call)
        except trio.WouldBlock as error:
            raise HttpQueueFull(f"{CALLS_WAITING} calls wait for {self._reach.base_url}") from error

    def follow(self, path: str) -> None:
        """Follow the events at this path, from :meth:`run` on. An agent has one stream."""
        self._send_path.send_nowait(path)

    async def run(self) -> None:
        """Make the calls and follow the stream, until cancelled."""
        client = (await trio.to_thread.run_sync(_load_client))(self._reach, self._settings)
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(self._make_calls, client, nursery)
            nursery.start_soon(self._follow, client)

    async def _make_calls(self, client: "HttpConnection", nursery: trio.Nursery) -> None:
        async for call in self._calls:
            if call.aside:
                await self._aside.acquire()
                nursery.start_soon(self._make_aside, client, call)
            else:
                await self._answer(call, await client.make(call))

    async def _make_aside(self, client: "HttpConnection", call: CallHttp) -> None:
        try:
            response = await client.make(call)
        finally:
            self._aside.release()
        await self._answer(call, response)

    async def _answer(self, call: CallHttp, response: HttpResponse) -> None:
        self._answered += 1
        await self._listener.responded(call.call_id, response)

    async def _follow(self, client: "HttpConnection") -> None:
        path = await self._paths.receive()
        pause = self._settings.stream_backoff
        while True:
            opened = self._streams
            # It broke, was silent or was refused: open it again.
            await client.follow(path, self._stream_opened, self._listener.streamed)
            pause = self._settings.stream_backoff if self._streams > opened else pause * 2
            pause = min(pause, self._settings.stream_backoff_max)
            await trio.sleep(pause)

    async def _stream_opened(self) -> None:
        self._streams += 1
        await self._listener.stream_opened()


def _load_client() -> "type[HttpConnection]":
    """In a thread: httpx takes some ten milliseconds to import, and few daemons have such an agent."""
    from .http_connection import HttpConnection

    return HttpConnection
