"""A client of the event streams: h11 over a trio socket. (httpx's generators outlive a stream that is left early.)"""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import h11
import trio
from attrs import define

from .serving import Served


@define
class Frame:
    """``id`` is the SSE id; a comment has neither id nor data."""

    id: str | None
    data: Any
    comment: str | None = None

    @property
    def sequence(self) -> int:
        return self.data["sequence"]


class Source:
    """One response that is a stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.http = h11.Connection(h11.CLIENT)
        self.headers: dict[str, str] = {}
        self._frames: list[Frame] = []
        self._buffer = b""

    async def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        sent = {"Host": "localhost", **headers} | ({"Content-Length": str(len(body))} if body else {})
        parts = [h11.Request(method=method, target=path, headers=list(sent.items()))]
        parts += [h11.Data(data=body)] if body else []
        await self.stream.send_all(b"".join(self.http.send(part) for part in [*parts, h11.EndOfMessage()]))
        response = await self._event()
        assert response.status_code == 200, response
        self.headers = {name.decode(): value.decode() for name, value in response.headers}

    async def take(self, count: int) -> list[Frame]:
        while len(self._frames) < count:
            assert await self._more(), "the stream ended"
        got, self._frames = self._frames[:count], self._frames[count:]
        return got

    async def rest(self) -> list[Frame]:
        """Everything until the server ends the response properly."""
        while await self._more():
            pass
        return self._frames

    async def _more(self) -> bool:
        event = await self._event()
        if isinstance(event, h11.EndOfMessage):
            return False
        *whole, self._buffer = (self._buffer + bytes(event.data)).split(b"\n\n")
        self._frames += [parse(block.decode()) for block in whole]
        return True

    async def _event(self) -> Any:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.stream.receive_some())
        return event


def parse(block: str) -> Frame:
    if block.startswith(":"):
        return Frame(None, None, block[1:].strip())
    first, second = block.split("\n")
    assert first.startswith("id: "), block
    assert second.startswith("data: "), block
    return Frame(first[4:], json.loads(second[6:]))


@asynccontextmanager
async def sse(
    served: Served, path: str, *, method: str = "GET", headers: dict[str, str] | None = None, body: Any = None
) -> AsyncGenerator[Source]:
    async with await served.connect() as stream:
        source = Source(stream)
        content = {} if body is None else {"Content-Type": "application/json"}
        encoded = b"" if body is None else json.dumps(body).encode()
        await source.request(method, path, {**content, **(headers or {})}, encoded)
        yield source


async def unread(served: Served, path: str, receive_bytes: int | None = None) -> trio.SocketStream:
    """A stream that is asked for and not read. ``receive_bytes`` is the size of the client's kernel buffer."""
    sock = trio.socket.socket()
    if receive_bytes:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_bytes)
    await sock.connect(("127.0.0.1", served.port))
    stream = trio.SocketStream(sock)
    await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return stream
