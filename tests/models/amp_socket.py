"""A WebSocket of Amp's program, seen from the server: JSON-RPC 2.0 in text frames."""

import json
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError

from .http import READ_BYTES
from .http import Request as HttpRequest

SUBPROTOCOL = "rivet"

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class AmpSocket:
    """``notify`` never waits: frames are queued, and :meth:`run` writes them."""

    def __init__(self, stream: trio.SocketStream, request: HttpRequest) -> None:
        self._stream = stream
        self._connection = WSConnection(ConnectionType.SERVER)
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        self._connection.initiate_upgrade_connection(headers, request.path)
        self._send, self._frames = trio.open_memory_channel[Event](math.inf)
        self._send.send_nowait(AcceptConnection(subprotocol=SUBPROTOCOL))

    async def write(self) -> None:
        """A program that closes or goes in the meantime does not want to hear the rest."""
        with suppress(LocalProtocolError, *_GONE):
            async for event in self._frames:
                await self._stream.send_all(self._connection.send(event))

    async def messages(self, received: bytes) -> AsyncIterator[dict[str, Any]]:
        """What the program says, until it goes. ``received`` came together with the upgrade."""
        text = ""
        while True:
            if received:
                self._connection.receive_data(received)
            for event in self._connection.events():
                match event:
                    case Ping():
                        self._send.send_nowait(event.response())
                    case TextMessage(data=data, message_finished=finished):
                        text += data
                        if finished:
                            whole, text = text, ""
                            if whole == "ping":  # its own, beside the protocol's
                                self._send.send_nowait(TextMessage("pong"))
                            else:
                                yield json.loads(whole)
                    case CloseConnection():
                        self._send.send_nowait(event.response())
                        return
                    case _:
                        pass
            received = b""
            with suppress(*_GONE):
                received = bytes(await self._stream.receive_some(READ_BYTES))
            if not received:
                return

    def notify(self, method: str, **params: Any) -> None:
        self._say({"method": method, "params": params})

    def answer(self, request_id: Any, result: dict[str, Any]) -> None:
        self._say({"id": request_id, "result": result})

    def _say(self, message: dict[str, Any]) -> None:
        self._send.send_nowait(TextMessage(json.dumps({"jsonrpc": "2.0", **message})))
