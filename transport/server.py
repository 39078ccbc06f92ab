"""The server: listening sockets, the connections that they give, and an end within bounded time."""

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import cast

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper

from ..actors.public import Commands, DaemonFacade, Descriptors, Sizing, keep_up
from ..schema.problems import Problem, permission_denied, too_many_connections
from ..schema.settings import Settings
from .api.app import Front, make_app
from .api.routes import ROUTES
from .guard.auth import Auth
from .guard.cors import Cors
from .guard.guard import Guard
from .guard.host_names import AllowedHosts
from .guard.hosts import Hosts
from .http.accepting import Accepting
from .http.access_log import AccessLog, ServerConfig
from .http.admission import Admission
from .http.connection import Connection
from .http.failures import log_failure
from .http.streams import last_answer
from .listening.listeners import open_listeners
from .listening.peer import UNIX, Credentials, client_of
from .listening.prover import Prover
from .listening.tls import Certificates
from .metrics.loop_lateness import LoopLateness
from .metrics.scrape import Drops, Metrics
from .subscriptions.readers import Readers

REFUSALS = 16
"""Connections beyond the bound that are told so at the same time; the others are closed at once."""
PATROLS = 4
"""How often the writes are looked at within the time that one may stall."""

log = structlog.get_logger("sandbox_agent.transport")


class Server:
    """Serves one app on many connections. Its lifespan events are not sent: the daemon is started by its caller."""

    def __init__(
        self, app: AppWrapper, settings: Settings, admission: Admission, certificates: Certificates | None = None
    ) -> None:
        self._app = app
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

    def statistics(self) -> dict[str, int]:
        return {
            "connections": len(self._connections),
            "idle": sum(c.idle for c in self._connections),
            "without_token": self._admission.untrusted,
        }

    async def serve(self, listeners: Sequence[trio.SocketListener], stop: trio.Event, on_stop: Readers) -> None:
        """Until ``stop``; then streams end, open requests get ``drain_timeout``, and what is left is cut off."""
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
            on_stop.stop()
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
        """Whatever goes wrong is this connection's alone: beside it run all the others."""
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
        """Say why, to a few at a time: each costs a descriptor for as long as it takes to listen. With TLS there are no
        words before the handshake."""
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
    """A whole answer, for nobody will look at what is asked. Read on a moment: closing with something unread resets the
    connection, and the reset would overtake the answer."""
    headers, body = last_answer(problem)
    headers += [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    start = b"HTTP/1.1 %d %b\r\n" % (problem.status, HTTPStatus(problem.status).phrase.encode())
    with trio.move_on_after(settings.linger_timeout), suppress(OSError, trio.BrokenResourceError):
        await stream.send_all(b"%b%b\r\n%b" % (start, head, body))
        await stream.send_eof()
        while await stream.receive_some():
            pass


def make_config(settings: Settings) -> Config:
    config = ServerConfig()
    config.base_path = settings.base_path
    config.access_log_lines = settings.access_log_lines
    config.logger_class = AccessLog
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = settings.max_header_bytes
    config.keep_alive_max_requests = 1 << 62
    config.websocket_max_message_size = settings.max_body_bytes
    config.websocket_ping_interval = settings.websocket_ping or None
    return config


def make_admission(settings: Settings, descriptors: Descriptors) -> Admission:
    """Fitted to what the system allows this process, which is told."""
    sizing = Sizing.fit(settings, descriptors.limit, descriptors.used() or 0)
    told = {"descriptors": sizing.limit, "connections": sizing.connections, "running_sessions": sizing.sessions}
    if sizing.sessions < settings.max_sessions or sizing.connections < settings.max_connections:
        log.warning(
            "the limit of open files is too low for max_sessions and max_connections: raise it (ulimit -n,"
            " LimitNOFILE=) or lower those",
            **told,
            max_sessions=settings.max_sessions,
            max_connections=settings.max_connections,
        )
    else:
        log.info("sizing", **told)
    # Half at most are strangers' of one address: what one client can open must leave room for the others.
    untrusted = max(1, min(settings.max_connections_without_token, sizing.connections // 2))
    # Of one token three quarters: the others' clients find room, and so does who comes to see what is wrong.
    of_token = settings.max_connections_per_token and max(
        1, min(settings.max_connections_per_token, sizing.connections * 3 // 4)
    )
    return Admission(sizing.connections, untrusted, of_token)


async def serve_daemon(
    daemon: DaemonFacade,
    *,
    host: str,
    port: int,
    auth: Auth,
    cors: Cors,
    allowed_hosts: AllowedHosts | None = None,
    logs: Drops | None = None,
    stop: trio.Event | None = None,
    certificates: Certificates | None = None,
    prover: Prover | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the API until ``stop`` is set or the task is cancelled; ``task_status`` gets the URLs, each with the base
    path.

    Stop the daemon first where its last events should still reach the streams: they end when their logs are closed.
    Once ``stop`` is set they end with what their logs hold at that time. Returns within ``drain_timeout``, whatever the
    clients do. ``logs`` is told of in the metrics. With ``certificates`` it speaks TLS. ``prover`` has the key of the
    address file. Raises :class:`OSError` when the address cannot be bound.
    """
    readers = Readers(daemon.settings, daemon.codec)
    listening = open_listeners(host, port, daemon.settings.base_path, tls=certificates is not None)
    async with listening as listeners, trio.open_nursery() as commands:
        hosts = Hosts(host, cors, auth.required, allowed_hosts or AllowedHosts())
        lateness = LoopLateness(daemon.settings.loop_check_interval)
        commands.start_soon(keep_up, "lateness", lateness.run)
        metrics = Metrics(daemon, readers.subscribers, lateness, logs)
        guard = Guard(auth, daemon.tokens, daemon.settings, ROUTES)
        commands.start_soon(keep_up, "leases", guard.leases.run)
        front = Front(daemon, guard, cors, hosts, readers, Commands(daemon, commands), metrics, prover or Prover())
        admission = make_admission(daemon.settings, daemon.table.descriptors)
        server = Server(ASGIWrapper(make_app(front)), daemon.settings, admission, certificates)
        task_status.started(list(listeners.urls))
        await server.serve(listeners.sockets, trio.Event() if stop is None else stop, readers)
        commands.cancel_scope.cancel()
