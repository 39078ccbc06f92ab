"""Running a program to its end for an install: its last words are kept, and nothing that it started outlives it."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio
from attrs import frozen

from .placed import placed
from .processes import MARKER, ProcessId, ProcessTable, read_process
from .tree import ProcessTree

LAST_WORDS = 16 << 10
"""Bytes of each output that are kept, from its end."""

LINGER = 0.5
"""Seconds that output is still read after the program has exited: a child of its may hold the pipe open for ever."""

PATIENCE = 1.0
"""Seconds that SIGTERM is given, then SIGKILL."""


@frozen
class Finished:
    status: int
    stdout: str
    stderr: str


async def run_command(
    argv: Sequence[str], env: Mapping[str, str], directory: Path, marker: str, table: ProcessTable
) -> Finished:
    """Run a program until it exits. Raises :class:`OSError` when it cannot be started. Cancelling it ends its tree."""
    environment = await trio.to_thread.run_sync(placed, {**env, MARKER: marker}, str(directory))
    with table.birth():
        process = await trio.lowlevel.open_process(
            list(argv),
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        row = read_process(process.pid)
        root = row.id if row else ProcessId(process.pid, 0)
        table.own(root)
    table.descriptors.restore(process.pid)
    stdout, stderr = bytearray(), bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_end, process.stdout, stdout)
            nursery.start_soon(_keep_end, process.stderr, stderr)
            status = await process.wait()
            nursery.cancel_scope.deadline = trio.current_time() + LINGER
        return Finished(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    finally:
        with trio.CancelScope(shield=True):
            await ProcessTree(root, marker, table).end(PATIENCE, PATIENCE)
            with trio.move_on_after(PATIENCE):
                await process.wait()
            table.disown(root)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    await pipe.aclose()


async def _keep_end(pipe: trio.abc.ReceiveStream | None, kept: bytearray) -> None:
    while pipe is not None and (chunk := await pipe.receive_some()):
        kept += chunk
        if len(kept) > 2 * LAST_WORDS:
            del kept[:-LAST_WORDS]
