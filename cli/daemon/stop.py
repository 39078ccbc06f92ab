"""``sandbox-agent daemon stop``."""

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

import click

from ..failure import Failure
from ..setting_options import build_settings, some_setting_options
from .asked import Asked, address_options

if TYPE_CHECKING:
    from ...actors.machine.owner import ProcessId
    from .found import Found

MARGIN = 3.0
"""Seconds that the daemon may take beyond its own limit."""

POLL = 0.05
"""Seconds between two looks at whether it has ended, where the system has no pidfds."""


@click.command()
@address_options
@some_setting_options("data_dir")
@click.option("--force", is_flag=True, help="Kill it when it does not stop in time.")
@click.pass_context
def stop(ctx: click.Context, force: bool, host: str | None, port: int | None, **given: Any) -> None:
    """Stop the daemon of the data directory, whoever started it: its sessions' agents first, within its
    --shutdown-timeout.

    Nothing is done, and that is no failure, when it does not run. Only the process is ended that is known by its pid
    and its start time.
    """
    from ..daemon_place import Place
    from .found import find, meant
    from .state import State

    asked = Asked.of(ctx)
    place = meant(asked, Place.of(build_settings(given)))
    with place.locked():
        found = find(place)
        if found is not None and not found.fits(asked):
            click.echo(found.told_apart(asked))
        elif found is not None:
            end(found, force)
            place.forget()
        elif (state := State.read(place.file)) is not None:
            place.forget()
            click.echo(f"not running: pid {state.pid} had ended without `daemon stop`")
        else:
            click.echo("not running")


def end(found: "Found", force: bool) -> None:
    """Raises :class:`Failure` when it still runs."""
    pid, seconds = found.process.pid, found.shutdown_timeout + MARGIN
    killed = not signalled(found.process, signal.SIGTERM, seconds)
    if killed and not force:
        raise Failure(f"pid {pid} still runs after {seconds:g} s; --force kills it. Log: {found.log}")
    if killed and not signalled(found.process, signal.SIGKILL, seconds):
        raise Failure(f"pid {pid} cannot be killed: it is stuck in the kernel")
    click.echo(
        f"killed: pid {pid}; what its agents left is ended by the next start" if killed else f"stopped: pid {pid}"
    )


def signalled(process: "ProcessId", number: signal.Signals, seconds: float) -> bool:
    """Signal exactly this process and wait for its end; whether it ended. One that is gone has."""
    from ...actors.machine.signals import send_signal

    handle = -1
    try:
        # First, so that what is waited for is the process that was signalled.
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):
        pass  # the system has no pidfds
    try:
        if not send_signal(process, number):
            return True
        if handle < 0:
            return _ended_within(process, seconds)
        exited = select.poll()
        exited.register(handle, select.POLLIN)
        return bool(exited.poll(seconds * 1000))
    finally:
        if handle >= 0:
            os.close(handle)


def _ended_within(process: "ProcessId", seconds: float) -> bool:
    """By pid and start time."""
    from ...actors.machine.process_rows import read_process

    deadline = time.monotonic() + seconds
    while (row := read_process(process.pid)) is not None and row.id == process and not row.zombie:
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL)
    return True
