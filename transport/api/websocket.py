"""One WebSocket of a session: its events go out, the client's commands come in.

Close codes: 1001 when the daemon stops or the session's log was closed, 4401 for a missing or wrong token in the first
frame, and for one that was revoked or has expired since, 4403 when that token may not, 4404 when there is no such
session, 4429 when it is too much; 1002, 1007 and 1009 for frames that break the protocol, are no UTF-8, or are too
large, 1011 for a failure of ours. With an Authorization header those above 4000 are plain HTTP answers before the
upgrade.
"""

import math
from collections.abc import AsyncGenerator, MutableMapping
from contextlib import aclosing, nullcontext
from typing import Any, Protocol

import trio
from attrs import evolve
from werkzeug.datastructures import Headers

from ...actors.public import EventLog, Grant
from ...schema.api.ws_commands import WebSocketAck, WebSocketAuth, WebSocketError
from ...schema.codec import Codec
from ...schema.cursor import Cursor
from ...schema.problems import Problem, invalid_request
from ..guard.screen import show
from ..http.bearer import address_of
from ..http.failures import log_failure
from ..http.framing import SocketFrames, text_frame
from .call import Call
from .socket_commands import answer_frame, read_object

GOING_AWAY, INTERNAL_ERROR, UNAUTHORIZED = 1001, 1011, 4401
OF_PROBLEMS = 4000
"""What a problem's status is added to."""
COMMANDS_WAITING = 16


class Socket(Protocol):
    """What we use of Quart's Websocket."""

    @property
    def headers(self) -> Headers: ...
    @property
    def scope(self) -> MutableMapping[str, Any]: ...
    async def accept(self) -> None: ...
    async def receive(self) -> str | bytes: ...
    async def send(self, data: str | bytes) -> None: ...
    async def close(self, code: int, reason: str = "") -> None: ...


class Closing(Exception):
    """The connection must be closed; the client's fault when the code is above 4000."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def open_websocket(call: Call, websocket: Socket) -> None:
    """Raises a problem while it can still be an HTTP answer. A browser cannot send the header: it may open, but learns
    nothing, not even whether the session exists, before its first frame brought the token."""
    header = websocket.headers.get("Authorization")
    address = address_of(websocket.scope)
    known: Call | None = None
    log: EventLog | None = None
    if header is not None or not call.guard.required:
        known = with_grant(call, websocket, grant_by_header(call, header, address))
        log = await call.daemon.log(call.session_id)
    else:
        call.guard.pace(None, address)
    await websocket.accept()
    try:
        if known is None or log is None:
            known, log = await log_after_token(call, websocket, address)
        await converse(known, websocket, log)
    except Closing as closing:
        await websocket.close(closing.code, closing.reason)
    except Exception as error:  # noqa: BLE001 - the client must hear of it
        log_failure("websocket.failed", error)
        await websocket.close(INTERNAL_ERROR, "internal error; see the daemon's log")


def grant_by_header(call: Call, header: str | None, address: str) -> Grant:
    try:
        return call.guard.by_nothing() if header is None else call.guard.by_header(header, address)
    except Problem:
        call.guard.pace(None, address)
        raise


def with_grant(call: Call, websocket: Socket, grant: Grant) -> Call:
    """The call of who showed that token. Raises a problem when it may not open this."""
    call.guard.pace(grant, address_of(websocket.scope))
    call.guard.permit(grant, call.route, call.ids)
    show(websocket.scope, grant)
    return evolve(call, grant=grant)


async def log_after_token(call: Call, websocket: Socket, address: str) -> tuple[Call, EventLog]:
    codec = call.daemon.codec
    try:
        with trio.fail_after(call.daemon.settings.websocket_auth_timeout or math.inf):
            text = await websocket.receive()
    except trio.TooSlowError:
        raise Closing(UNAUTHORIZED, "no token came in time") from None
    code = UNAUTHORIZED
    try:
        frame = codec.build(read_auth(text), WebSocketAuth)
        grant = call.guard.by_frame(frame.token, address)
        code = 0
        known = with_grant(call, websocket, grant)
        log = await call.daemon.log(call.session_id)
    except Problem as problem:
        await say(websocket, codec, WebSocketError(None, problem.body()))
        raise Closing(code or OF_PROBLEMS + problem.status, problem.title) from problem
    await say(websocket, codec, WebSocketAck(frame.id))
    return known, log


def read_auth(text: str | bytes) -> dict[str, object]:
    value = read_object(text)
    if value.get("type") != "auth":
        raise invalid_request('without an Authorization header the first frame must be {"type":"auth","token":…}')
    return value


async def converse(call: Call, websocket: Socket, log: EventLog) -> None:
    framing = call.readers.websocket(call.query.include_raw)
    with call.hold() as lease:
        hold = nullcontext(lease)
        chunks = call.readers.follow(log, call.query.offset or Cursor(0), framing, "websocket", hold)
        async with trio.open_nursery() as nursery:
            send_frames, frames = trio.open_memory_channel[str | bytes](COMMANDS_WAITING)
            nursery.start_soon(receive, websocket, send_frames)
            nursery.start_soon(execute, call, websocket, frames)
            await send_events(websocket, chunks)
            nursery.cancel_scope.cancel()
    if lease is not None and lease.over:
        raise Closing(UNAUTHORIZED, lease.last_frame().message or lease.over)
    reason = "the daemon stops" if call.readers.stopping else "the session's log was closed"
    raise Closing(GOING_AWAY, reason)


async def send_events(websocket: Socket, chunks: AsyncGenerator[bytes]) -> None:
    async with aclosing(chunks):
        async for chunk in chunks:
            await websocket.send(chunk)


async def receive(websocket: Socket, frames: trio.MemorySendChannel[str | bytes]) -> None:
    """Quart cancels this, and all of the conversation, when the client is gone."""
    while True:
        await frames.send(await websocket.receive() or b"")


async def execute(call: Call, websocket: Socket, frames: trio.MemoryReceiveChannel[str | bytes]) -> None:
    """One command after the other, in the order in which they came."""
    async for text in frames:
        await say(websocket, call.daemon.codec, await answer_frame(call, text, address_of(websocket.scope)))


async def say(websocket: Socket, codec: Codec, frame: WebSocketAck | WebSocketError) -> None:
    await websocket.send(SocketFrames(text_frame(codec.encode(frame))))
