"""A probe: runs a program for one line of output, bounded in time and output; its process tree is always ended."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from ..machine.shortage import Shortage
from .command import run_command
from .table import ProcessTable


async def first_line(argv: Sequence[str], env: Mapping[str, str], table: ProcessTable, seconds: float) -> str | None:
    """The first non-empty line that the program prints; None when it fails or takes too long. It runs as the agents'
    user. Raises :class:`OSError` when no process can be started now."""
    with trio.move_on_after(seconds):
        try:
            done = await run_command(argv, env, Path("/"), table.marker(), table, table.user)
        except OSError as error:
            if Shortage.of(error, forking=True) is not None:
                raise  # says nothing about the program
            return None
        return next((line.strip() for line in done.stdout.splitlines() if line.strip()), None)
    return None
