"""The connections of one app: taken from the listeners, bounded, and ended within bounded time."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import cast

import structlog
import trio

from ...actors.public import keep_up
from ...schema.problems import Problem, permission_denied, too_many_connections
from ...schema.settings import Settings
from ..listening.peer import UNIX, Credentials, client_of
from ..listening.tls import Certificates
from .accepting import Accepting
from .access_log import AccessLog
from .admission import Admission
from .config import make_config
from .connection import Connection
from .failures import log_failure
from .hypercorn_internals import ASGIFramework, ASGIWrapper, WorkerContext
from .streams import last_answer

REFUSALS = 16
"""Connections beyond the bound that get an answer at the same time; others are closed at once."""
PATROLS = 4
"""How often writes are checked within the time that one may stall."""

log = structlog.get_logger("sandbox_agent.transport")


class Server:
    """Serves one app on many connections. Its lifespan events are not sent: the daemon is started by its caller."""

    def __init__(
        self, app: ASGIFramework, settings: Settings, admission: Admission, certificates: Certificates | None = None
    ) -> None:
        self._app = ASGIWrapper(app)
        self._certificates = certificates
        self._settings = settings
        self._config = make_config(settings)
        self._access_log = cast("AccessLog", self._config.log)
        self._context = WorkerContext(None)
        self._connections: set[Connection] = set()
        self._admission = admission
        self._refusals = trio.CapacityLimiter(REFUSALS)

    def __repr__(self) -> str:
        state = "stopping" if self._context.terminated.is_set() else "open"
        return f"<Server {state}, {len(self._connections)} connections>"

    async def serve(
        self, listeners: Sequence[trio.SocketListener], stop: trio.Event, end_streams: Callable[[], None]
    ) -> None:
        """Serve until ``stop``. Then ``end_streams`` is called, open requests get ``drain_timeout``, and the remaining
        connections are closed."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(Accepting(self._handle).run, listeners, connections)
                accepting.start_soon(keep_up, "patrol", self._patrol)
                accepting.start_soon(keep_up, "access log", self._access_log.run)
                if self._certificates is not None:
                    accepting.start_soon(keep_up, "certificates", self._certificates.run)
                await stop.wait()
                accepting.cancel_scope.cancel()
            await self._context.terminated.set()
            end_streams()
            for connection in self._connections:
                connection.close_if_idle()
            connections.cancel_scope.deadline = trio.current_time() + self._settings.drain_timeout
        self._access_log.tell_left_out()

    async def _patrol(self) -> None:
        if limit := self._settings.stalled_write_timeout:
            while True:
                await trio.sleep(limit / PATROLS)
                for connection in self._connections:
                    connection.check_progress(trio.current_time())

    async def _handle(self, stream: trio.SocketStream) -> None:
        """Any error ends only this connection."""
        try:
            await self._serve(stream)
        except Exception as error:  # noqa: BLE001 - see above
            log_failure("connection.failed", error)
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        tls = None if self._certificates is None else self._certificates.current
        connection = Connection(self._app, self._config, self._context, self._settings, stream, self._admission, tls)
        try:
            address, _ = client_of(stream.socket)
            stranger = address == UNIX and not Credentials.of(stream.socket).is_ours
        except OSError:  # it has left already
            return
        if stranger:
            await self._refuse(stream, permission_denied("this socket is its user's alone"))
            return
        if not self._admission.admit(connection, address):
            await self._refuse(stream, too_many_connections(self._settings.max_connections))
            return
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._admission.leave(connection)

    async def _refuse(self, stream: trio.SocketStream, problem: Problem) -> None:
        """Answer with the reason, to a few at a time: each takes a descriptor until the client has read it. With TLS
        nothing can be said before the handshake."""
        if self._certificates is not None:
            return
        try:
            self._refusals.acquire_nowait()
        except trio.WouldBlock:
            return
        try:
            await tell_refusal(stream, problem, self._settings)
        finally:
            self._refusals.release()


async def tell_refusal(stream: trio.SocketStream, problem: Problem, settings: Settings) -> None:
    """Send a complete answer without reading the request. Then read on for a moment: closing with unread input resets
    the connection, and the reset would overtake the answer."""
    headers, body = last_answer(problem)
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    start = b"HTTP/1.1 %d %b\r\n" % (problem.status, HTTPStatus(problem.status).phrase.encode())
    with trio.move_on_after(settings.linger_timeout), suppress(OSError, trio.BrokenResourceError):
        await stream.send_all(b"%b%b\r\n%b" % (start, head, body))
        await stream.send_eof()
        while await stream.receive_some():
            pass
