"""A client that writes bytes, and says what came back: for what no client library lets one do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from attrs import define

from .serving import Served

HANDSHAKE = (
    b"GET /v1/sessions/s/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

PING = 9


@define
class Raw:
    stream: trio.SocketStream
    rest: bytes = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def until(self, end: bytes) -> bytes:
        """What comes, up to and with ``end``."""
        while end not in self.rest:
            chunk = await self.stream.receive_some()
            assert chunk, f"closed after {self.rest!r}"
            self.rest += chunk
        found, _, self.rest = self.rest.partition(end)
        return found + end

    async def take(self, count: int) -> bytes:
        while len(self.rest) < count:
            chunk = await self.stream.receive_some()
            assert chunk, f"closed after {self.rest!r}"
            self.rest += chunk
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    async def all(self) -> bytes:
        """Until the server has closed its side."""
        while chunk := await self.stream.receive_some():
            self.rest += chunk
        found, self.rest = self.rest, b""
        return found

    async def frame(self) -> tuple[int, bytes]:
        """The opcode and payload of a small or medium frame of the server's that is no ping."""
        while True:
            first, size = await self.take(2)
            assert first & 0x80, "the server fragments nothing"
            if size == 126:
                size = int.from_bytes(await self.take(2), "big")
            payload = await self.take(size)
            if first & 0x0F != PING:
                return first & 0x0F, payload


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A client's frame, good or bad (RFC 6455, section 5.2). The mask is all zeros: the payload stands as it is."""
    first = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        size = bytes([mask | len(payload)])
    elif len(payload) < 1 << 16:
        size = bytes([mask | 126]) + len(payload).to_bytes(2, "big")
    else:
        size = bytes([mask | 127]) + len(payload).to_bytes(8, "big")
    return first + size + (bytes(4) if masked else b"") + payload


@asynccontextmanager
async def raw(served: Served) -> AsyncGenerator[Raw]:
    async with await served.connect() as stream:
        yield Raw(stream)


@asynccontextmanager
async def raw_websocket(served: Served) -> AsyncGenerator[Raw]:
    async with raw(served) as client:
        await client.send(HANDSHAKE)
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield client
