"""Connection: one client's socket, read and written within bounds.

Hypercorn shields its writes and gives them no deadline: a client that stopped reading kept ``serve`` from returning
without a limit. Here a write is a loop over ``socket.send`` that any cancellation ends, and a reader is disconnected
when it has taken nothing at all for some time. A reader that takes 1 kB/s is never disconnected.
"""

import array
import fcntl
import math
import os
import select
import socket as stdlib_socket
import termios

import structlog
import trio

from ...schema.problems import invalid_request
from ...schema.settings import Settings
from ..listening.peer import client_of, server_of
from ..listening.prover import Channel
from ..listening.tls import Tls
from ..listening.wire import Secure, Wire
from .admission import Admission
from .bearer import KEY
from .failures import log_failure
from .hypercorn_internals import (
    AppWrapper,
    Closed,
    Config,
    ConnectionEvent,
    ConnectionState,
    RawData,
    TaskGroup,
    Updated,
    WorkerContext,
)
from .protocol import Protocol
from .streams import last_answer

RECEIVE_BYTES = 1 << 16
HALF_CLOSED_LOOK = 0.05
"""Seconds between two checks whether a client that has closed its side still exists."""

log = structlog.get_logger("sandbox_agent.transport")


class Connection:
    """``run`` returns when the connection is over, whatever went wrong in it."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        settings: Settings,
        stream: trio.SocketStream,
        admission: Admission,
        tls: Tls | None = None,
    ) -> None:
        self._stream = stream
        self._tls = tls
        self._secure = (
            None
            if tls is None
            else Secure(Wire(stream, self._write_raw), tls.context, server_side=True, https_compatible=True)
        )
        self._socket = stream.socket
        self._settings = settings
        self._context = context
        self._admission = admission
        self._new_protocol = app, config, context
        self._protocol: Protocol | None = None
        self._writing = trio.Lock()
        self._whole = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._state = "idle"
        self._head_begun = True  # the first request is due at once
        self._accepted = 0
        self._taken = 0
        self._stalled_since = math.inf

    def __repr__(self) -> str:
        return f"<Connection {self._state}>"

    @property
    def idle(self) -> bool:
        """No request is being answered."""
        return self._state == "idle"

    def close_if_idle(self) -> None:
        if self.idle:
            self._reading.cancel()

    def cut(self) -> None:
        self._whole.cancel()

    def trust(self, name: str) -> bool:
        return self._admission.trust(self, name)

    @property
    def channel(self) -> Channel:
        """Raises :class:`OSError` when the client is gone."""
        certificate = "" if self._tls is None else self._tls.certificate
        return Channel(client_of(self._socket), server_of(self._socket), certificate)

    async def want_body(self) -> None:
        if self._protocol is not None:
            await self._protocol.want_body()

    async def run(self) -> None:
        try:
            self._socket.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_SNDBUF, self._settings.socket_send_bytes)
            self._socket.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_KEEPALIVE, 1)
            client, server = client_of(self._socket), server_of(self._socket)
            app, config, context = self._new_protocol
            state, is_secure = ConnectionState({KEY: self}), self._secure is not None
            with self._whole:
                await self._shake_hands()
                async with TaskGroup() as tasks:
                    self._protocol = Protocol(app, config, context, tasks, state, is_secure, client, server, self.send)
                    await self._read(self._protocol)
                    self._whole.cancel()
        except* (OSError, trio.BrokenResourceError, trio.TooSlowError):
            pass  # the client is gone, or did not finish its handshake
        except* Exception as errors:  # noqa: BLE001 - see below
            # One client's connection must not end the others. Only a group contains what failed beside a cancellation.
            log_failure("connection.failed", errors)
        finally:
            self._state = "closed"
            await trio.aclose_forcefully(self._stream)

    async def _shake_hands(self) -> None:
        """The handshake. Before a request a connection counts as one without a token in admission. A client that does
        not speak TLS gets an answer in plain HTTP."""
        if self._secure is None:
            return
        try:
            with trio.fail_after(self._settings.request_head_timeout or math.inf):
                await self._secure.do_handshake()
        except trio.BrokenResourceError as error:
            if getattr(error.__cause__, "reason", None) == "HTTP_REQUEST":
                headers, body = last_answer(invalid_request("this port speaks TLS: use https:// or wss://"))
                head = b"HTTP/1.1 400 \r\n" + b"".join(b"%b: %b\r\n" % header for header in headers)
                await self._write_raw(memoryview(head + b"\r\n" + body))
            raise

    async def send(self, event: ConnectionEvent) -> None:
        """Do what the protocol wants. Returns only after a trio checkpoint, also when the client is gone, so that a
        loop that sends cannot block other tasks."""
        match event:
            case RawData(data=data):
                await self._write(data)
            case Updated(idle=idle):
                self._set_idle(idle)
            case Closed():
                await self._finish()
            case _:
                raise TypeError(f"unknown protocol event {event!r}")

    async def _read(self, protocol: Protocol) -> None:
        with self._reading:
            self._set_idle(True)
            while data := await self._receive():
                if self._state != "finishing":
                    await protocol.handle(RawData(data))
                    self._bound_head(protocol)
            if self._state != "finishing":
                await protocol.handle(RawData(b""))
            if self._state == "busy" and protocol.request_is_complete:
                await self._until_answered(protocol)
        self._state = "closed"
        # Tells the app, which then cancels its work for this client. It would be cancelled anyway.
        with trio.move_on_after(0.1):
            await protocol.handle(Closed())

    async def _until_answered(self, protocol: Protocol) -> None:
        """The client has closed its side, and may still read. A client that is gone looks the same until something is
        sent: then its system answers with a reset."""
        # In a stream a comment can be sent, which means nothing. Before an answer it is a 102, which some clients do
        # not expect: most answers come before it is due.
        pause = 0.0 if protocol.is_streaming else self._settings.half_closed_probe
        ask_at = trio.current_time() + pause
        while not is_reset(self._socket):
            if trio.current_time() >= ask_at:
                await protocol.probe()
                ask_at = trio.current_time() + (self._settings.sse_keepalive or math.inf)
            await trio.sleep(HALF_CLOSED_LOOK)

    def _bound_head(self, protocol: Protocol) -> None:
        """A head that has begun to arrive must be complete in time, however long the connection may be idle."""
        if self.idle and not self._head_begun and protocol.head_has_begun:
            self._head_begun = True
            limit = self._settings.request_head_timeout or math.inf
            self._reading.deadline = min(self._reading.deadline, trio.current_time() + limit)

    async def _receive(self) -> bytes:
        try:
            return bytes(await (self._secure or self._stream).receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def check_progress(self, now: float) -> None:
        """To be called from time to time: disconnects a client that has taken nothing for ``stalled_write_timeout``
        while something was to be written. (A deadline around each write cost a third of the write. And the kernel
        reports a writable socket only when a third of its buffer is free, for which a slow reader needs minutes.)"""
        if not self._writing.locked():
            self._stalled_since = math.inf
            return
        taken = self._accepted - unsent(self._socket)
        if taken > self._taken or self._stalled_since == math.inf:
            self._taken, self._stalled_since = taken, now
        elif now - self._stalled_since >= self._settings.stalled_write_timeout:
            log.info("connection.stalled", taken=taken)
            self._reading.cancel()

    async def _write(self, data: bytes) -> None:
        try:
            self._writing.acquire_nowait()  # saves a pass through the scheduler, which the send is anyway
        except trio.WouldBlock:
            await self._writing.acquire()
        try:
            await self._write_all(memoryview(data))
        finally:
            self._writing.release()

    async def _write_all(self, data: memoryview) -> None:
        if not data or self._state == "closed":
            await trio.lowlevel.checkpoint()
            return
        rest = data
        try:
            if self._secure is not None:
                rest = data[1:]  # what TLS has begun to send must be sent whole
                await self._secure.send_all(data)
                return
            while rest:
                count = await self._send_some(rest)
                self._accepted += count
                rest = rest[count:]
        except (OSError, trio.BrokenResourceError) as error:
            log.debug("connection.lost", error=repr(error))
            self._reading.cancel()
            await trio.sleep_forever()  # until _read has told the app, and all that this connection does is cancelled
        except trio.Cancelled:
            if len(rest) < len(data):  # half a frame was sent: nothing valid can follow
                self._state = "closed"
                self._reading.cancel()
            raise

    async def _write_raw(self, data: memoryview) -> None:
        """Below TLS."""
        while data:
            count = await self._send_some(data)
            self._accepted += count
            data = data[count:]

    async def _send_some(self, data: memoryview) -> int:
        """As ``self._socket.send``, with its checkpoints, without a third of its cost."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                count = os.write(self._socket.fileno(), data)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
            else:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return count

    async def _finish(self) -> None:
        """Our last answer is sent. To close at once would reset the connection if the client is still sending, and the
        reset can overtake the answer. So half-close, and let the client read."""
        if self._state not in ("finishing", "closed"):
            self._state = "finishing"
            linger = (
                0.0 if self._protocol is None or self._protocol.request_is_complete else self._settings.linger_timeout
            )
            self._reading.deadline = trio.current_time() + linger
            try:
                self._socket.shutdown(stdlib_socket.SHUT_WR)
            except OSError:
                self._reading.cancel()
            if self._protocol is not None:
                await self._protocol.handle(Closed())

    def _set_idle(self, idle: bool) -> None:
        if self._state in ("finishing", "closed"):
            return
        self._state = "idle" if idle else "busy"
        self._admission.rest(self, idle=idle)
        limit = self._settings.keep_alive_timeout or math.inf
        if self._head_begun:
            limit = min(limit, self._settings.request_head_timeout or math.inf)
        self._reading.deadline = trio.current_time() + limit if idle else math.inf
        self._head_begun = False
        if idle and self._context.terminated.is_set():
            self._reading.cancel()


def is_reset(sock: trio.socket.SocketType) -> bool:
    """Whether the connection is closed in both directions; not when the client has half closed it."""
    look = select.poll()
    look.register(sock.fileno(), 0)
    return bool(look.poll(0))


def unsent(sock: trio.socket.SocketType) -> int:
    """Bytes in the kernel's send buffer that the client has not acknowledged (Linux, tcp(7): SIOCOUTQ)."""
    count = array.array("i", [0])
    fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, count)
    return count[0]
