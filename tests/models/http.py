"""Just enough HTTP/1.1 for a model server: h11 over trio streams, one request after the other, streamed answers."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import h11
import trio
from attrs import frozen

READ_BYTES = 1 << 16


@frozen
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@frozen
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None]

    @classmethod
    def of_json(cls, status: int, value: Any) -> "Response":
        return cls(status, {"content-type": "application/json"}, json.dumps(value).encode())


Handler = Callable[[Request], Response]
Upgrade = Callable[[Request, trio.SocketStream, bytes], Awaitable[None]]
"""Goes on with the connection as a WebSocket; the bytes are what came after the request."""


async def serve_connection(stream: trio.SocketStream, handler: Handler, upgrade: Upgrade | None = None) -> None:
    """Answer requests until the client goes. A client that leaves in the middle of an answer is no error."""
    connection = h11.Connection(h11.SERVER)
    try:
        while await _exchange(connection, stream, handler, upgrade):
            connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def _exchange(
    connection: h11.Connection, stream: trio.SocketStream, handler: Handler, upgrade: Upgrade | None
) -> bool:
    request = await _read_request(connection, stream)
    if request is None:
        return False
    if upgrade is not None and request.headers.get("upgrade", "").lower() == "websocket":
        await upgrade(request, stream, connection.trailing_data[0])
        return False
    response = handler(request)
    fixed = isinstance(response.body, bytes)
    length = {"content-length": str(len(response.body))} if isinstance(response.body, bytes) else {}
    head = h11.Response(status_code=response.status, headers=list((dict(response.headers) | length).items()))
    await stream.send_all(connection.send(head))
    if fixed:
        await stream.send_all(connection.send(h11.Data(data=response.body)))
    else:
        async with aclosing(response.body) as chunks:
            async for chunk in chunks:
                await stream.send_all(connection.send(h11.Data(data=chunk)))
    await stream.send_all(connection.send(h11.EndOfMessage()))
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _read_request(connection: h11.Connection, stream: trio.SocketStream) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(READ_BYTES))
            case h11.Request() as head:
                pass
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage() if head is not None:
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
            case _:
                return None
