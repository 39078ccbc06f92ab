"""Running the daemon: its actors, its server and the signals that stop it, in one nursery.

A first SIGTERM, SIGINT or SIGHUP stops gracefully within ``settings.shutdown_timeout``. A second one ends it at once.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial

import click
import structlog
import trio

from ..actors.daemon import Daemon
from ..actors.loop_clock import LoopClock
from ..actors.processes import ProcessId, descendants, read_all, read_process, signal_all
from ..actors.reaper import Reaper
from ..actors.supervisor import GaveUp
from ..transport.auth import Auth
from ..transport.cors import Cors
from ..transport.server import serve_daemon
from .failure import Failure
from .logs.configure import Logs
from .output import lost
from .server import ServerOptions, host_advice, token_advice

KILL_ROUNDS = 50
KILL_PAUSE = 0.02
"""Seconds between two looks at whether they are gone."""

_log = structlog.get_logger("server")


def run(options: ServerOptions, logs: Logs) -> None:
    """Serve until a signal says stop. Raises :class:`Failure` when it cannot start or cannot go on."""
    try:
        auth = Auth(options.token.value)
        cors = Cors(options.cors_origins, options.cors_methods, options.cors_headers, options.cors_credentials)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        try:
            trio.run(_serve, options, auth, cors, logs, clock=LoopClock.of(options.settings))
        finally:
            _kill_descendants()
    except* (Failure, GaveUp) as group:
        cause = _first(group)
        failure = cause if isinstance(cause, Failure) else Failure(str(cause))
    else:
        return
    raise failure


def _first(group: ExceptionGroup[Failure | GaveUp]) -> Failure | GaveUp:
    """Nurseries wrap what fails in them; the user is told the one thing that failed."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


async def _serve(options: ServerOptions, auth: Auth, cors: Cors, logs: Logs) -> None:
    signalled, stop = trio.Event(), trio.Event()
    daemon = Daemon(options.settings)
    daemon.table.descriptors.raise_limit()
    serve = partial(
        serve_daemon,
        daemon,
        host=options.host,
        port=options.port,
        auth=auth,
        cors=cors,
        allowed_hosts=options.allowed_hosts,
        logs=logs,
        stop=stop,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, signalled, logs)
        await nursery.start(Reaper(daemon.table).run)
        await nursery.start(daemon.run)
        async with trio.open_nursery() as serving:
            try:
                urls: list[str] = await serving.start(serve)
            except OSError as error:
                raise Failure(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}") from error
            nursery.start_soon(_announce, urls, options)
            await signalled.wait()
            # Whatever clients do. The sessions end by their ladder in any case, whose rungs are timed.
            nursery.cancel_scope.deadline = trio.current_time() + options.settings.shutdown_timeout
            # First the sessions: their last events still reach the streams, which end as the logs are closed.
            await daemon.stop()
            stop.set()
        nursery.cancel_scope.cancel()


async def _announce(urls: Sequence[str], options: ServerOptions) -> None:
    """The one line that programs wait for; what people read goes to stderr. A name may have several addresses."""
    ready = f"listening on {urls[0]}\n".encode()
    try:
        # stdout may be a pipe that nobody reads and that the log has filled.
        await trio.to_thread.run_sync(_write_stdout, ready, abandon_on_cancel=True)
    except OSError as error:
        raise lost(error) from error
    for url in urls[1:]:
        _log.info("also listening", url=url)
    if options.token.stored is not None:
        click.echo(token_advice(urls[0], options.token.stored), err=True)
    if advice := host_advice(options):
        click.echo(advice, err=True)


def _write_stdout(data: bytes) -> None:
    """Past ``sys.stdout``: its lock, held while nobody reads, would hold up the end of the process."""
    while data and sys.stdout is not None:
        data = data[os.write(sys.stdout.fileno(), data) :]


async def _watch_signals(
    signalled: trio.Event, logs: Logs, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    watched = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means what it says
        watched.append(signal.SIGHUP)
    with trio.open_signal_receiver(*watched) as signals:
        task_status.started()
        async for number in signals:
            if signalled.is_set():
                _end_at_once(number, logs)
            _log.info("stopping", signal=signal.Signals(number).name)
            signalled.set()


def _end_at_once(number: int, logs: Logs) -> None:
    _kill_descendants()
    logs.close()
    os._exit(128 + number)


def _kill_descendants() -> None:
    """As subreaper we are an ancestor of whatever the agents started, also of what hid from its session's end."""
    me = read_process(os.getpid())
    for _ in range(KILL_ROUNDS):
        left = descendants(read_all(), me.id) if me is not None else set[ProcessId]()
        if not left:
            return
        signal_all(left, signal.SIGKILL)
        time.sleep(KILL_PAUSE)
