"""Everything that we use of hypercorn, in one file, and the one private method of h11.

Hypercorn documents its ``Config`` and its ``serve``. ``serve`` accepts without bound, writes without a deadline and has
no way to refuse a request before its body, so we take its parts instead: one connection's protocol and its streams.
Those are internals, which any release may change. So nothing else in the product imports hypercorn, private methods
have public names here, and ``tests/transport/http/test_hypercorn_internals.py`` lists every name that we call,
override or read: an upgrade that lacks one fails there.
"""

import h11
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.events import Closed, RawData, Updated
from hypercorn.events import Event as ConnectionEvent
from hypercorn.logging import Logger
from hypercorn.protocol.events import Body, Data, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ASGIFramework, ConnectionState, H11SendableEvent, WebsocketAcceptEvent
from hypercorn.utils import suppress_body
from wsproto.events import Event as FrameEvent

__all__ = [
    "STREAM_ID",
    "ASGIFramework",
    "ASGIHTTPState",
    "ASGIWebsocketState",
    "ASGIWrapper",
    "AppWrapper",
    "Body",
    "Closed",
    "Config",
    "ConnectionEvent",
    "ConnectionState",
    "Data",
    "EndBody",
    "Event",
    "FrameTooLargeError",
    "H11Connection",
    "H11WSConnection",
    "HypercornHttpStream",
    "HypercornProtocol",
    "HypercornSocketStream",
    "Logger",
    "RawData",
    "Request",
    "Response",
    "StreamClosed",
    "TaskGroup",
    "Updated",
    "WorkerContext",
    "suppress_body",
]


class H11Connection(h11.Connection):
    def fail(self) -> None:
        """The client has broken the protocol in a way that h11 does not see: nothing more is read of it, and an answer
        can still be sent. h11 has this for its own use only."""
        self._process_error(self.their_role)


class HypercornProtocol(H11Protocol):
    """HTTP/1.1 on one connection. Hypercorn calls the methods that are overridden here."""

    async def send_message(self, message: H11SendableEvent) -> None:
        """Through h11, which keeps the state of the connection. Without this an answer of our own could not be sent
        before a stream is there."""
        await self._send_h11_event(message)

    async def begin_request(self, request: h11.Request) -> None:
        """The head of a request is there. Here our streams are made, and some heads refused."""
        raise NotImplementedError

    async def send_failure(self, status: int, fault: str | None = None) -> None:
        """h11 refuses what came. Hypercorn's answer has no body: ours is a problem. ``fault``: in words."""
        raise NotImplementedError

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn would turn to HTTP/2 here. RFC 9110 lets us answer a client that asks for it in HTTP/1.1."""

    async def _create_stream(self, request: h11.Request) -> None:
        await self.begin_request(request)

    async def _send_error_response(self, status_code: int) -> None:
        await self.send_failure(status_code)


class HypercornHttpStream(HTTPStream):
    """One request and its answer."""

    async def send_failure(self, status: int) -> None:
        """The app gave no answer. Hypercorn's has no body: ours is a problem."""
        raise NotImplementedError

    async def _send_error_response(self, status_code: int) -> None:
        await self.send_failure(status_code)


class HypercornSocketStream(WSStream):
    """One WebSocket."""

    async def send_frame(self, event: FrameEvent) -> None:
        """Through wsproto, which keeps the state of the WebSocket: pongs and closing frames are not the app's."""
        await self._send_wsproto_event(event)

    def accepting(self) -> None:
        """The app has accepted; the handshake is answered next. Here its extensions can be refused."""
        raise NotImplementedError

    async def receive_frames(self) -> None:
        """Frames may have come. Hypercorn reads on after a message that is too large, and closes without a reason."""
        raise NotImplementedError

    async def send_failure(self, status: int) -> None:
        """The handshake was no good, or the app refused it. Hypercorn's answer has no body: ours is a problem."""
        raise NotImplementedError

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.accepting()
        await super()._accept(message)

    async def _handle_events(self) -> None:
        await self.receive_frames()

    async def _send_error_response(self, status_code: int) -> None:
        await self.send_failure(status_code)
