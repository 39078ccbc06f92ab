"""Running the daemon: its actors, its server and the signals that stop it, in one nursery.

A first SIGTERM, SIGINT or SIGHUP stops gracefully within ``settings.shutdown_timeout``. A second one ends it at once,
and so does a stop that takes ``HARD_END`` seconds longer.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import structlog
import trio

from ...actors.daemon import Daemon
from ...actors.isolation.isolation import NotIsolated
from ...actors.isolation.search import Search
from ...actors.kernel.loop_clock import LoopClock
from ...actors.kernel.supervisor import ChainFailed, keep_up
from ...actors.machine.owner import Owner
from ...actors.machine.shortage import Shortage
from ...actors.processes.reaper import Reaper
from ...transport.guard.auth import Auth
from ...transport.listening.prover import Prover
from ...transport.listening.unix_socket import SocketRefused
from ...transport.server import serve_daemon
from ..address import Address, publish, resolved, withdraw
from ..failure import Failure
from ..logs.configure import Logs
from ..output import lost
from ..user_home import data_place
from .advice import host_advice, token_advice
from .hard_end import FAILED, HardEnd, kill_descendants
from .server_options import ServerOptions
from .stop_signals import StopSignals

HARD_END = 1.0
"""Seconds beyond ``shutdown_timeout`` after which the daemon is ended whatever holds it up."""

_log = structlog.get_logger("server")


def run(options: ServerOptions, search: Search, logs: Logs) -> None:
    """Serve until a signal says stop, with agents as isolated as ``search`` finds. Raises :class:`Failure` when it
    cannot start or cannot go on."""
    try:
        auth = Auth(options.token.value)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        secrets = () if options.token.value is None else (options.token.value,)
        isolation = search.result()
        for trouble in isolation.troubles:
            _log.warning(trouble)
        daemon = Daemon(options.settings, secrets=secrets, isolation=isolation, trace=options.trace)
        logs.mask(daemon.redactor)
        hard_end = _start_hard_end(options, daemon, logs)
        signals = StopSignals(hard_end)
        clock = LoopClock.of(options.settings)
        with signals.handled():
            try:
                trio.run(_serve, options, auth, daemon, signals, hard_end, logs, clock=clock)
            finally:
                kill_descendants(daemon.table)
                if (directory := address_directory(options)) is not None:
                    withdraw(directory, os.getpid())
                hard_end.disarm()
    except* (Failure, ChainFailed, NotIsolated) as group:
        cause = _first(group)
        failure = cause if isinstance(cause, Failure) else Failure(str(cause))
    else:
        return
    raise failure


def _start_hard_end(options: ServerOptions, daemon: Daemon, logs: Logs) -> HardEnd:
    try:
        return HardEnd(options.settings.shutdown_timeout + HARD_END, daemon.table, logs.close)
    except RuntimeError as error:
        if (shortage := Shortage.of(error)) is None:
            raise
        raise Failure(f"cannot start: {shortage}") from error


def _first(group: ExceptionGroup[Failure | ChainFailed | NotIsolated]) -> Failure | ChainFailed | NotIsolated:
    """Nurseries wrap what fails in them; the user is told the one thing that failed."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


async def _serve(
    options: ServerOptions,
    auth: Auth,
    daemon: Daemon,
    signals: StopSignals,
    hard_end: HardEnd,
    logs: Logs,
) -> None:
    stop, prover = trio.Event(), Prover()
    daemon.table.descriptors.raise_limit()
    serve = partial(
        serve_daemon,
        daemon,
        host=options.host,
        port=options.port,
        auth=auth,
        cors=options.cors,
        allowed_hosts=options.allowed_hosts,
        logs=logs,
        stop=stop,
        certificates=options.certificates,
        prover=prover,
    )
    async with trio.open_nursery() as nursery:
        try:
            nursery.start_soon(_limit_stop, signals, nursery.cancel_scope, options.settings.shutdown_timeout)
            await nursery.start(keep_up, "reaper", Reaper(daemon.table).run)
            await nursery.start(daemon.run)
            async with trio.open_nursery() as serving:
                try:
                    urls: list[str] = await serving.start(serve)
                except OSError as error:
                    where = options.host if isinstance(error, SocketRefused) else f"{options.host}:{options.port}"
                    raise Failure(f"cannot listen on {where}: {error.strerror or error}") from error
                await _publish(urls, options, prover)
                nursery.start_soon(_announce, urls, options)
                await signals.wait()
                # First the sessions: their last events still reach the streams, which end as the logs are closed.
                await daemon.stop()
                stop.set()
            nursery.cancel_scope.cancel()
        finally:
            # Also when nobody asked for it: what has failed must not be kept by what does not end.
            hard_end.arm(FAILED)


async def _limit_stop(signals: StopSignals, scope: trio.CancelScope, seconds: float) -> None:
    """Whatever clients do, and whatever is still starting. Sessions end by their ladder, whose rungs are timed."""
    _log.info("stopping", signal=(await signals.wait()).name)
    scope.deadline = trio.current_time() + seconds


async def _publish(urls: Sequence[str], options: ServerOptions, prover: Prover) -> None:
    """Before anyone is told that we listen: who then looks for us finds us. Without it we are only harder to find."""
    directory, owner = address_directory(options), Owner.own()
    if directory is None:
        return
    try:
        if owner is None:
            raise OSError("/proc does not tell who we are")
        address = Address(
            owner=str(owner),
            directory=str(directory),
            host=options.host,
            urls=tuple(urls),
            log=None if options.log is None else str(options.log),
            shutdown_timeout=options.settings.shutdown_timeout,
            ephemeral=options.settings.ephemeral,
            proof_key=prover.key,
        )
        await trio.to_thread.run_sync(publish, address, abandon_on_cancel=True)
    except OSError as error:
        _log.warning(
            "the address is not kept; commands need --endpoint and a token",
            directory=str(directory),
            error=error.strerror or str(error),
        )


def address_directory(options: ServerOptions) -> Path | None:
    """One that keeps nothing does not own the data directory, and makes none. Who it demands the stored token from must
    know that it is ours, so then its address is beside the token."""
    if not options.settings.ephemeral:
        return Path(resolved(data_place(options.settings)))
    return None if options.token.stored is None else Path(resolved(options.token.stored.parent))


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
