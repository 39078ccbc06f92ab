"""Subscribers: many sockets read by one epoll loop that only stores bytes, so that the server is what is measured.

What was received is parsed and checked after the clock has stopped.
"""

import base64
import os
import selectors
import socket
import time
from concurrent.futures import Future

from attrs import define, field

from .servers import Server

RECEIVE = 1 << 18
"""Bytes, read into one buffer and copied: ``recv`` would make an object of this size first, with each call."""

SILENCE = 1.0
"""Seconds without a byte after which it is asked whether there will ever be one."""

LAST = b'"type":"turn.ended"'
"""Stands in the last event of a turn, and nowhere else in what mock sends."""


@define(eq=False)
class Subscriber:
    """One connection: its bytes, and when each piece came (``time.monotonic_ns``, the clock that mock stamps with)."""

    session_id: str
    sock: socket.socket
    websocket: bool
    pieces: list[bytes] = field(factory=list[bytes])
    times: list[int] = field(factory=list[int])
    tail: bytes = b""
    _buffer: bytearray = field(factory=lambda: bytearray(RECEIVE), repr=False)

    def take(self) -> bool:
        """Read what is there; True when the turn's last event has come."""
        data = bytes(memoryview(self._buffer)[: self.sock.recv_into(self._buffer)])
        if not data:
            raise RuntimeError(f"a stream of {self.session_id} broke off")
        self.times.append(time.monotonic_ns())
        self.pieces.append(data)
        seen = self.tail + data
        self.tail = data[-len(LAST) :] if len(data) >= len(LAST) else seen[-len(LAST) :]
        # In a big piece the last event can only stand near its end.
        return LAST in (seen if len(seen) < 1 << 13 else seen[-(1 << 13) :])

    def body(self) -> bytes:
        return b"".join(self.pieces)


def subscribe(server: Server, session_id: str, *, websocket: bool, receive_buffer: int = 0) -> Subscriber:
    """Connect and ask; returns when the server has answered, so that a turn sent now is seen from its start."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(server.streams)
    path = f"/v1/sessions/{session_id}/{'ws' if websocket else 'events/sse'}?offset=0"
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = f"Upgrade: websocket\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n" if websocket else ""
    connection = "Upgrade" if websocket else "keep-alive"
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.streams[1]}\r\nAuthorization: Bearer {server.token}\r\n"
        f"Connection: {connection}\r\n{upgrade}\r\n".encode()
    )
    subscriber = Subscriber(session_id, sock, websocket)
    while b"\r\n\r\n" not in subscriber.body():
        subscriber.take()
    status = subscriber.body().split(b"\r\n", 1)[0]
    if status.split()[1] not in (b"200", b"101"):
        raise RuntimeError(f"{path}: {status.decode()}")
    return subscriber


def read_turns(subscribers: list[Subscriber], seconds: float, sending: Future[None] | None = None) -> int:
    """Read until every subscriber has seen the end of its turn; returns when the last one did (``monotonic_ns``).
    Raises what ``sending``, which brings the turns about meanwhile, has failed with."""
    deadline = time.monotonic() + seconds
    with selectors.EpollSelector() as selector:
        for subscriber in subscribers:
            subscriber.sock.setblocking(False)
            selector.register(subscriber.sock, selectors.EVENT_READ, subscriber)
        waiting = len(subscribers)
        while waiting:
            ready = selector.select(SILENCE)
            if not ready:
                if sending is not None and sending.done():
                    sending.result()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{waiting} subscribers still wait after {seconds} s")
            for key, _ in ready:
                if key.data.take():
                    selector.unregister(key.fileobj)
                    waiting -= 1
    return time.monotonic_ns()
