"""Hypercorn's two kinds of stream (one request each), less what hurts us."""

from collections.abc import Iterable
from time import time
from typing import Any, cast

import msgspec
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.frame_protocol import CloseReason

from ...schema.problems import (
    Problem,
    encoding_not_implemented,
    head_too_large,
    http_version_not_supported,
    internal_error,
    invalid_request,
)
from .framing import SSE_COMMENT, SocketFrames
from .hypercorn_internals import (
    ASGIHTTPState,
    ASGIWebsocketState,
    Body,
    Data,
    EndBody,
    Event,
    FrameTooLargeError,
    HypercornHttpStream,
    HypercornSocketStream,
    Response,
    StreamClosed,
    suppress_body,
)

MAX_FAULT = 200
"""Characters of what h11 says of a request: it may quote some of it."""


def http_problem(status: int, fault: str | None = None) -> Problem:
    """What is wrong below the level of the API, by the status that hypercorn or h11 suggests. ``fault``: in words."""
    match status:
        case 431:
            return head_too_large()
        case 505:
            return http_version_not_supported()
        case 501:
            return encoding_not_implemented()
        case _ if status >= 500:
            return internal_error("the request ended without an answer; the daemon's log says why")
        case _:
            if fault is not None:
                return invalid_request(f"this is not well-formed HTTP/1.1: {fault[:MAX_FAULT]}")
            return invalid_request("this is not well-formed HTTP/1.1, or not a valid WebSocket handshake")


HARDENED = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
"""What an answer tells browsers and caches: it is what its Content-Type says, and nobody keeps it."""


def last_answer(problem: Problem) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an answer after which the connection is closed."""
    body = msgspec.json.encode(problem.body())
    size = str(len(body)).encode()
    kind = b"application/problem+json"
    return [(b"content-type", kind), (b"content-length", size), (b"connection", b"close"), *HARDENED], body


def answered(status: int) -> Any:
    """An answer that is not the app's, for the access log."""
    return {"type": "http.response.start", "status": status, "headers": []}


def _is_event_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)


class HttpStream(HypercornHttpStream):
    """Its failures are problems too, and what it streams goes out as ready chunks: taken through h11, each cost a fifth
    of what sending it costs."""

    _chunked = False

    async def app_send(self, message: Any) -> None:
        kind = message["type"] if message else None
        if kind == "http.response.body" and self._chunked and message.get("more_body") and not self.closed:
            if body := message.get("body"):
                await self.send(Data(self.stream_id, b"%x\r\n%b\r\n" % (len(body), body)))
            return
        await super().app_send(message)
        if kind == "http.response.start":
            # As h11 decides it, which has sent the head now.
            sized = any(name.lower() == b"content-length" for name, _ in message["headers"])
            bodiless = suppress_body(self.scope["method"], int(message["status"]))
            self._chunked = not sized and not bodiless and self.scope["http_version"] == "1.1"

    @property
    def is_event_stream(self) -> bool:
        """Its head is sent, and its end is not."""
        return (
            self._chunked
            and self.state is ASGIHTTPState.RESPONSE
            and _is_event_stream(self.response.get("headers", ()))
        )

    async def probe(self) -> None:
        """Send something that means nothing, so that the system of a client that is gone answers with a reset; nothing
        when there is nothing of that kind."""
        if self.closed or self.scope["http_version"] != "1.1":
            return
        if self.state is ASGIHTTPState.REQUEST:
            await self.send(Response(self.stream_id, [], 102))
        elif self.is_event_stream:
            await self.send(Data(self.stream_id, b"%x\r\n%b\r\n" % (len(SSE_COMMENT), SSE_COMMENT)))

    async def handle(self, event: Event) -> None:
        if not isinstance(event, StreamClosed) or self.closed or self.state is ASGIHTTPState.CLOSED:
            await super().handle(event)
            return
        # Hypercorn logs no status here. But a client that has all of a short answer hangs up before the send of its
        # end has returned, and one that leaves a stream was answered too.
        self.closed = True
        await self.config.log.access(self.scope, cast("Any", getattr(self, "response", None)), time() - self.start_time)
        app_put = cast("Any", self).app_put
        if app_put is not None:
            await app_put({"type": "http.disconnect"})

    async def send_failure(self, status: int) -> None:
        headers, body = last_answer(http_problem(status))
        self.response = answered(status)
        await self.send(Response(self.stream_id, headers, status))
        await self.send(Body(self.stream_id, body))
        await self.send(EndBody(self.stream_id))
        self.state = ASGIHTTPState.CLOSED
        await self.config.log.access(self.scope, self.response, time() - self.start_time)


class SocketStream(HypercornSocketStream):
    """Frames that are ready go out as they are; nothing is compressed; a message that is too large ends it.

    Hypercorn offers permessage-deflate and cannot be told not to. Our frames are made once for many clients, so they
    could not be compressed, and 64 kB from a client could inflate to 64 MB in one step.
    """

    _message_bytes = 0

    async def app_send(self, message: Any) -> None:
        frames = message["bytes"] if message and message["type"] == "websocket.send" else None
        if not isinstance(frames, SocketFrames):
            await super().app_send(message)
        elif self.state is ASGIWebsocketState.CONNECTED and not self.closed:
            await self.send(Data(self.stream_id, frames))

    def accepting(self) -> None:
        self.handshake.extensions = None
        self.response = answered(101)

    async def handle(self, event: Event) -> None:
        if isinstance(event, StreamClosed) and not self.closed:  # the client may have left before it was answered
            response = cast("Any", getattr(self, "response", None))
            await self.config.log.access(self.scope, response, time() - self.start_time)
        await super().handle(event)

    def _extend(self, buffer: Any, event: Any) -> None:
        """Hypercorn counts the characters of a text, which may have four bytes each."""
        data: str | bytes = event.data
        self._message_bytes += len(data.encode() if isinstance(data, str) else data)
        if self._message_bytes > self.config.websocket_max_message_size:
            raise FrameTooLargeError
        buffer.extend(event)

    async def receive_frames(self) -> None:
        buffer = cast("Any", self.buffer)
        for event in self.connection.events():
            if isinstance(event, Message):
                try:
                    self._extend(buffer, event)
                except FrameTooLargeError:
                    # Hypercorn reads on after this, and its buffer grows for as long as the client writes.
                    await self.send_frame(CloseConnection(CloseReason.MESSAGE_TOO_BIG))
                    await self.send(StreamClosed(self.stream_id))
                    return
                if event.message_finished:
                    self._message_bytes = 0
                    await cast("Any", self).app_put(buffer.to_message())
                    buffer.clear()
            elif isinstance(event, Ping):
                await self.send_frame(event.response())
            elif isinstance(event, CloseConnection):
                if self.connection.state is ConnectionState.REMOTE_CLOSING:
                    await self.send_frame(event.response())
                else:
                    # It broke the protocol, and wsproto says how (RFC 6455, section 7.4.1): hypercorn tells nobody.
                    await self.send_frame(CloseConnection(event.code, event.reason))
                await self.send(StreamClosed(self.stream_id))
                return

    async def send_failure(self, status: int) -> None:
        headers, body = last_answer(http_problem(status))
        self.response = answered(status)
        await self.send(Response(self.stream_id, headers, status))
        await self.send(Body(self.stream_id, body))
        await self.send(EndBody(self.stream_id))
        await self.config.log.access(self.scope, self.response, time() - self.start_time)
        await self.send(StreamClosed(self.stream_id))  # hypercorn leaves the connection to the client, open for ever
