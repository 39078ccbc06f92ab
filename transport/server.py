"""The server: the API over its connections. The composition root of transport."""

import structlog
import trio

from ..actors.public import Commands, DaemonFacade, Descriptors, Sizing, keep_up
from ..schema.settings import Settings
from .api.app import Front, make_app
from .api.routes import ROUTES
from .guard.auth import Auth
from .guard.cors import Cors
from .guard.guard import Guard
from .guard.host_names import AllowedHosts
from .guard.hosts import Hosts
from .http.admission import Admission
from .http.server import Server
from .listening.listeners import open_listeners
from .listening.prover import Prover
from .listening.tls import Certificates
from .metrics.log_drops import LogDrops
from .metrics.loop_lateness import LoopLateness
from .metrics.scrape import Metrics
from .subscriptions.readers import Readers

log = structlog.get_logger("sandbox_agent.transport")


def make_admission(settings: Settings, descriptors: Descriptors) -> Admission:
    """The settings, fitted to the system's limits for this process; the result is logged."""
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
    logs: LogDrops | None = None,
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
        server = Server(make_app(front), daemon.settings, admission, certificates)
        task_status.started(list(listeners.urls))
        await server.serve(listeners.sockets, trio.Event() if stop is None else stop, readers.stop)
        commands.cancel_scope.cancel()
