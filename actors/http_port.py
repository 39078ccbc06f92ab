"""The HTTP port: calls to an agent that serves on loopback, one after the other, and the stream of its events.
Calls whose answer takes as long as a turn are made beside the others.

What comes in is told to a listener, in the order of arrival; a listener that takes its time slows the agent down, for
nothing is read meanwhile. No call ever raises: an answer that did not come is told as status 0 with the reason.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import httpx
import trio

from ..schema.agents.dialect import HttpResponse
from ..schema.agents.effects import CallHttp, Reach
from ..schema.settings import Settings
from .lines import LineSplitter, OversizedLine

LOOPBACK = ("127.0.0.1", "::1", "localhost")

CALLS_WAITING = 1000
"""Calls that wait for the one that is under way. Dialects make a few per turn: more means that nobody answers."""

MOST_ASIDE = 10
"""Calls that are made beside the others at once. A turn makes one, and an interrupted one may linger."""

_DATA = b"data:"

_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
"""Whatever may go wrong with a request. A URL is made of names that the agent has given."""


class PortJammed(Exception):
    """The agent does not answer and too many calls wait for it already."""


class HttpListener(Protocol):
    async def responded(self, call_id: str, response: HttpResponse) -> None: ...

    async def stream_opened(self) -> None: ...

    async def streamed(self, payloads: list[bytes | OversizedLine]) -> None:
        """The payloads of as many events as one read brought."""
        ...


class HttpPort:
    """Where one agent answers. Nothing is sent before :meth:`run`."""

    def __init__(self, reach: Reach, listener: HttpListener, settings: Settings) -> None:
        url = httpx.URL(reach.base_url)
        if url.host not in LOOPBACK:
            raise ValueError(f"an agent is reached on loopback only, not at {url.host!r}")
        self._url = url
        self._auth = httpx.BasicAuth(reach.username, reach.password)
        self._listener = listener
        self._settings = settings
        self._send_call, self._calls = trio.open_memory_channel[CallHttp](CALLS_WAITING)
        self._send_path, self._paths = trio.open_memory_channel[str](1)
        self._aside = trio.Semaphore(MOST_ASIDE)
        self._answered = 0
        self._streams = 0

    def __repr__(self) -> str:
        waiting = self._calls.statistics().current_buffer_used
        return f"<HttpPort {self._url} answered={self._answered} waiting={waiting} streams={self._streams}>"

    def call(self, call: CallHttp) -> None:
        """Make a call in its turn, without waiting. Raises :class:`PortJammed`."""
        try:
            self._send_call.send_nowait(call)
        except trio.WouldBlock as error:
            raise PortJammed(f"{CALLS_WAITING} calls wait for {self._url}") from error

    def follow(self, path: str) -> None:
        """Follow the events at this path, from :meth:`run` on. An agent has one stream."""
        self._send_path.send_nowait(path)

    async def run(self) -> None:
        """Make the calls and follow the stream, until cancelled."""
        timeout = self._settings.agent_call_timeout
        client = httpx.AsyncClient(base_url=self._url, auth=self._auth, trust_env=False, timeout=timeout)
        async with client, trio.open_nursery() as nursery:
            nursery.start_soon(self._make_calls, client, nursery)
            nursery.start_soon(self._follow, client)

    async def _make_calls(self, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        async for call in self._calls:
            if call.aside:
                await self._aside.acquire()
                nursery.start_soon(self._make_aside, client, call)
            else:
                await self._answer(call, await self._make(client, call))

    async def _make_aside(self, client: httpx.AsyncClient, call: CallHttp) -> None:
        try:
            response = await self._make(client, call)
        finally:
            self._aside.release()
        await self._answer(call, response)

    async def _answer(self, call: CallHttp, response: HttpResponse) -> None:
        self._answered += 1
        await self._listener.responded(call.call_id, response)

    async def _make(self, client: httpx.AsyncClient, call: CallHttp) -> HttpResponse:
        headers = {"content-type": "application/json"} if call.body is not None else None
        limit = None if call.aside else self._settings.agent_call_timeout
        try:
            with trio.fail_after(math.inf if limit is None else limit):
                stream = client.stream(call.method, call.path, content=call.body, headers=headers, timeout=limit)
                async with stream as response:
                    return await self._take_in(response, call)
        except trio.TooSlowError:
            return HttpResponse(0, reason=f"no answer within {self._settings.agent_call_timeout:g} s")
        except _FAILURES as error:
            return HttpResponse(0, reason=f"{type(error).__name__}: {error}")

    async def _take_in(self, response: httpx.Response, call: CallHttp) -> HttpResponse:
        limit = self._settings.max_agent_answer_bytes
        body = bytearray()
        async with _chunks(response) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    # What was made aside has been done; the stream has told of it.
                    status = response.status_code if call.aside else 0
                    return HttpResponse(status, reason=f"the answer is longer than {limit} bytes")
        return HttpResponse(response.status_code, bytes(body))

    async def _follow(self, client: httpx.AsyncClient) -> None:
        path = await self._paths.receive()
        pause = self._settings.stream_backoff
        while True:
            opened = self._streams
            # It broke, fell silent or was refused: all that can be done is to open it again.
            with suppress(*_FAILURES):
                await self._listen(client, path)
            pause = self._settings.stream_backoff if self._streams > opened else pause * 2
            pause = min(pause, self._settings.stream_backoff_max)
            await trio.sleep(pause)

    async def _listen(self, client: httpx.AsyncClient, path: str) -> None:
        """One life of the stream. Agents send a heartbeat, so that silence means a dead connection."""
        timeout = httpx.Timeout(self._settings.agent_call_timeout, read=self._settings.stream_silence)
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        async with client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code != 200:
                return
            self._streams += 1
            await self._listener.stream_opened()
            splitter = LineSplitter(self._settings.max_line_bytes)
            async with _chunks(response) as chunks:
                async for chunk in chunks:
                    if payloads := [payload for line in splitter.feed(chunk) if (payload := self._payload(line))]:
                        await self._listener.streamed(payloads)

    def _payload(self, line: bytes | OversizedLine) -> bytes | OversizedLine | None:
        """The data of one event: agents write each on one line. None for every other line of the format."""
        if isinstance(line, OversizedLine):
            return line
        return line[len(_DATA) :].strip() if line.startswith(_DATA) else None


@asynccontextmanager
async def _chunks(response: httpx.Response) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The body, which may be left in its middle. Httpx nests async generators and closes none but the outermost: those
    inside would be left to the garbage collector. So we close the connection, and run them to their end."""
    chunks = response.aiter_bytes()
    try:
        yield chunks
    finally:
        with trio.CancelScope(shield=True):
            await response.aclose()
            with suppress(*_FAILURES):
                async for _ in chunks:
                    pass
