"""Asking a program something by running it: bounded in time and output, its process tree ended whatever it does."""

import os
import subprocess
from collections.abc import Mapping, Sequence

import trio

from .processes import ProcessTable

MAX_OUTPUT = 64 << 10


async def first_line(argv: Sequence[str], env: Mapping[str, str], table: ProcessTable, seconds: float) -> str | None:
    """The first line that is not empty of what the program prints; None when it fails or takes too long."""
    with trio.move_on_after(seconds), table.birth():
        try:
            done = await trio.run_process(
                list(argv),
                env=dict(env),
                stdin=b"",
                capture_stdout=True,
                stderr=subprocess.DEVNULL,
                check=False,
                cwd=os.path.sep,
                start_new_session=True,
            )
        except OSError:
            return None
        lines = done.stdout[:MAX_OUTPUT].decode(errors="replace").splitlines()
        return next((line.strip() for line in lines if line.strip()), None)
    return None
