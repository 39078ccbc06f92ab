"""One HTTP connection to an agent: a call, or its event stream until that breaks. It handles httpx's exceptions."""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType

import httpx
import trio

from ...schema.agents.dialect import HttpResponse
from ...schema.agents.effects import CallHttp, Reach
from ...schema.settings import Settings
from ..processes.line_splitter import LineSplitter, OversizedLine

_DATA = b"data:"

_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)
"""All errors of a request. URLs contain names that come from the agent."""


class HttpConnection:
    def __init__(self, reach: Reach, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            base_url=reach.base_url,
            auth=httpx.BasicAuth(reach.username, reach.password),
            trust_env=False,
            timeout=settings.agent_call_timeout,
        )

    def __repr__(self) -> str:
        return f"<HttpConnection {self._client.base_url}>"

    async def __aenter__(self) -> "HttpConnection":
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(exc_type, exc_value, traceback)

    async def make(self, call: CallHttp) -> HttpResponse:
        """The answer; a missing answer has the status 0 and a reason."""
        headers = {"content-type": "application/json"} if call.body is not None else None
        limit = None if call.aside else self._settings.agent_call_timeout
        try:
            with trio.fail_after(math.inf if limit is None else limit):
                stream = self._client.stream(call.method, call.path, content=call.body, headers=headers, timeout=limit)
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
                    # A parallel call was done; the stream has told of it.
                    status = response.status_code if call.aside else 0
                    return HttpResponse(status, reason=f"the answer is longer than {limit} bytes")
        return HttpResponse(response.status_code, bytes(body))

    async def follow(
        self,
        path: str,
        opened: Callable[[], Awaitable[None]],
        streamed: Callable[[list[bytes | OversizedLine]], Awaitable[None]],
    ) -> None:
        """Read the stream until it breaks or is refused. Agents send a heartbeat, so silence means a dead
        connection."""
        timeout = httpx.Timeout(self._settings.agent_call_timeout, read=self._settings.stream_silence)
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        with suppress(*_FAILURES):
            async with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code != 200:
                    return
                await opened()
                splitter = LineSplitter(self._settings.max_line_bytes)
                async with _chunks(response) as chunks:
                    async for chunk in chunks:
                        if payloads := [payload for line in splitter.feed(chunk) if (payload := _payload(line))]:
                            await streamed(payloads)


def _payload(line: bytes | OversizedLine) -> bytes | OversizedLine | None:
    """The data of one event: agents write each on one line. None for every other line of the format."""
    if isinstance(line, OversizedLine):
        return line
    return line[len(_DATA) :].strip() if line.startswith(_DATA) else None


@asynccontextmanager
async def _chunks(response: httpx.Response) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The body, which may be left before its end. Httpx nests async generators and closes only the outermost: the inner
    ones would be left to the garbage collector. So we close the connection, and run them to their end."""
    chunks = response.aiter_bytes()
    try:
        yield chunks
    finally:
        with trio.CancelScope(shield=True):
            await response.aclose()
            with suppress(*_FAILURES):
                async for _ in chunks:
                    pass
