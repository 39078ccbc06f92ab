"""A client whose daemon may be killed at any byte: HTTP requests, SSE and WebSocket streams over trio sockets.

Every way in which a connection breaks is one exception, :class:`Gone`.
"""

import json
import socket
import struct
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from .rules.history import Attempt, Frame, Resync

Heard = Frame | Resync


class Gone(Exception):
    """The daemon is not there, or went away in the middle."""


class Refused(Gone):
    """The daemon answered with a refusal."""

    def __init__(self, answer: Attempt) -> None:
        super().__init__(str(answer))
        self.answer = answer


@contextmanager
def _broken() -> Generator[None]:
    try:
        yield
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError, ProtocolError) as error:
        raise Gone(str(error)) from error


async def _connect(url: str, receive_bytes: int | None = None) -> trio.SocketStream:
    parts = urlsplit(url)
    sock = trio.socket.socket()
    if receive_bytes:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_bytes)
    try:
        await sock.connect((parts.hostname, parts.port))
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def reset(stream: trio.SocketStream) -> None:
    """Make its close an RST, as when the client's machine is gone."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Response:
    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self.status = 0

    async def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        sent = {"Host": "localhost", "Connection": "close", **headers}
        if body or method == "POST":
            sent |= {"Content-Length": str(len(body)), "Content-Type": "application/json"}
        parts = [h11.Request(method=method, target=path, headers=list(sent.items()))]
        parts += [h11.Data(data=body)] if body else []
        await self.stream.send_all(b"".join(self._http.send(part) or b"" for part in [*parts, h11.EndOfMessage()]))
        response = await self._event()
        self.status = response.status_code

    async def chunk(self) -> bytes | None:
        event = await self._event()
        if isinstance(event, h11.ConnectionClosed):
            raise Gone("closed in mid-answer")
        return None if isinstance(event, h11.EndOfMessage) else bytes(event.data)

    async def receive(self, size: int | None = None) -> None:
        self._http.receive_data(await self.stream.receive_some(size))

    async def _event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            await self.receive()
        return event


async def call(url: str, method: str, path: str, body: Any = None, key: str | None = None) -> Attempt:
    """One request on a connection of its own."""
    headers = {} if key is None else {"Idempotency-Key": key}
    with _broken():
        async with await _connect(url) as stream:
            response = _Response(stream)
            await response.request(method, path, headers, b"" if body is None else json.dumps(body).encode())
            chunks: list[bytes] = []
            while (chunk := await response.chunk()) is not None:
                chunks.append(chunk)
            return Attempt(response.status, b"".join(chunks))


class Sse:
    """One SSE response. ``log_id`` is learnt from the ids of its frames."""

    def __init__(self, response: _Response) -> None:
        self.stream = response.stream
        self.log_id: str | None = None
        self._response = response
        self._buffer = b""
        self._heard: list[Heard | None] = []

    async def next(self) -> Heard | None:
        """The next frame; None for a keep-alive comment."""
        while not self._heard:
            with _broken():
                chunk = await self._response.chunk()
            if chunk is None:
                raise Gone("the stream ended")
            *whole, self._buffer = (self._buffer + chunk).split(b"\n\n")
            self._heard += [self._parse(block) for block in whole]
        return self._heard.pop(0)

    async def trickle(self, size: int) -> None:
        """Receive so many bytes without parsing them yet."""
        with _broken():
            await self._response.receive(size)

    def _parse(self, block: bytes) -> Heard | None:
        if block.startswith(b":"):
            return None
        name, _, data = block.partition(b"\ndata: ")
        self.log_id, _, position = name.removeprefix(b"id: ").decode().rpartition(":")
        return heard(data, int(position))


def heard(data: bytes, position: int | None = None) -> Heard:
    if data.startswith(b'{"type":"stream.resync"'):
        note = json.loads(data)
        return Resync(note["reason"], note["resumed_after"])
    return Frame(json.loads(data)["sequence"] if position is None else position, data)


@asynccontextmanager
async def sse(
    url: str, path: str, headers: dict[str, str] | None = None, receive_bytes: int | None = None
) -> AsyncGenerator[Sse]:
    """Raises :class:`Gone` also when the answer is no stream."""
    with _broken():
        stream = await _connect(url, receive_bytes)
    async with stream:
        response = _Response(stream)
        with _broken():
            await response.request("GET", path, headers or {}, b"")
        if response.status != 200:
            raise Refused(Attempt(response.status, await response.chunk() or b""))
        yield Sse(response)


class Socket:
    """One WebSocket of a session. Answers to commands and events come mixed."""

    log_id: str | None = None

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._text: list[str] = []
        self._heard: list[Heard | dict[str, Any]] = []

    async def open(self, path: str) -> None:
        await self.stream.send_all(self._ws.send(Request(host="localhost", target=path)))
        refusal: RejectConnection | None = None
        body = b""
        accepted = False
        while not accepted:
            for event in await self._events():
                match event:
                    case AcceptConnection():
                        accepted = True
                    case RejectConnection():
                        refusal = event
                    case RejectData(data=data, body_finished=finished):
                        body += data
                        if finished and refusal is not None:
                            raise Refused(Attempt(refusal.status_code, body))
                    case _:
                        await self._take(event)

    async def next(self) -> Heard | dict[str, Any]:
        """An event, or the answer to a command."""
        while not self._heard:
            with _broken():
                for event in await self._events():
                    await self._take(event)
        return self._heard.pop(0)

    async def _events(self) -> list[Any]:
        if not (data := await self.stream.receive_some(1 << 16)):
            raise Gone("closed")
        self._ws.receive_data(data)
        return list(self._ws.events())

    async def _take(self, event: Any) -> None:
        match event:
            case TextMessage(data=text, message_finished=finished):
                self._text.append(text)
                if finished:
                    data, self._text = "".join(self._text).encode(), []
                    answer = data.startswith((b'{"type":"ack"', b'{"type":"error"'))
                    self._heard.append(json.loads(data) if answer else heard(data))
            case Ping():
                await self.stream.send_all(self._ws.send(event.response()))
            case CloseConnection(code=code, reason=reason):
                raise Gone(f"closed with {code}: {reason}")
            case _:
                pass

    async def ask(self, command: dict[str, Any]) -> Attempt:
        with _broken():
            await self.stream.send_all(self._ws.send(Message(json.dumps(command))))
        while True:
            answer = await self.next()
            if isinstance(answer, dict) and answer["id"] == command["id"]:
                if answer["type"] == "ack":
                    return Attempt(200, json.dumps(answer.get("result")).encode() if "result" in answer else b"")
                return Attempt(answer["problem"]["status"], json.dumps(answer["problem"]).encode())


@asynccontextmanager
async def websocket(url: str, path: str) -> AsyncGenerator[Socket]:
    """Raises :class:`Refused` when the answer is no WebSocket."""
    with _broken():
        stream = await _connect(url)
    async with stream:
        socket = Socket(stream)
        with _broken():
            await socket.open(path)
        yield socket
