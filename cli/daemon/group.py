"""The commands below ``sandbox-agent daemon``."""

import click

from ..lazy import Home, LazyGroup

COMMANDS = {
    "start": Home(".daemon.start", "start", "Start the daemon in the background."),
    "stop": Home(".daemon.stop", "stop", "Stop it."),
    "status": Home(".daemon.status", "status", "Say whether it runs, also by the exit status."),
}


@click.group(cls=LazyGroup, homes=COMMANDS)
def daemon() -> None:
    """The daemon in the background: one for each data directory.

    What it needs to be found again is in $XDG_STATE_HOME/sandbox-agent/daemons, readable by its owner only.
    """
