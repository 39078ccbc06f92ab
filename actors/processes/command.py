"""Runs a program to its end, for an install: the end of its output is kept, and its descendants end with it."""

import errno
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

from ..machine.agent_user import AgentUser
from ..machine.child_exit import wait_exited
from ..machine.descriptor_reserve import NO_THREAD, Exhausted
from ..machine.proc_visibility import ProcNotVisible
from ..machine.process_rows import MARKER
from ..machine.working_directory import placed
from .table import ProcessTable
from .tree import ProcessTree

LAST_WORDS = 16 << 10
"""Bytes that are kept of the end of each output."""

LINGER = 0.5
"""Seconds for which output is still read after the program has exited: one of its children may hold the pipe open."""

PATIENCE = 1.0
"""Seconds after SIGTERM, and after SIGKILL."""

POLL = 0.1
"""Seconds between two checks whether it has exited, where the system has no pidfds."""


@frozen
class Finished:
    status: int
    stdout: str
    stderr: str


async def run_command(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: Path,
    marker: str,
    table: ProcessTable,
    user: AgentUser | None = None,
) -> Finished:
    """Run a program until it exits, as another user if one is given. Raises :class:`OSError` when it cannot be started.
    Cancelling it ends its tree."""
    other: dict[str, Any] = {}
    if user is not None:
        other = {"user": user.uid, "group": user.gid, "extra_groups": user.groups}
    with table.birth():
        try:
            environment = await trio.to_thread.run_sync(placed, {**env, MARKER: marker}, str(directory))
            process: trio.Process = await trio.lowlevel.open_process(
                list(argv),
                env=environment,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                **other,
            )
        except RuntimeError as error:
            if str(error) != NO_THREAD:
                raise
            raise OSError(errno.EAGAIN, str(error)) from error
        root = table.identify(process.pid)
        table.own(root)
    table.descriptors.restore(process.pid)
    stdout, stderr = bytearray(), bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_end, process.stdout, stdout)
            nursery.start_soon(_keep_end, process.stderr, stderr)
            status = await _wait(process)
            nursery.cancel_scope.deadline = trio.current_time() + LINGER
        return Finished(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    finally:
        with trio.CancelScope(shield=True):
            await _end(ProcessTree(root, marker, table), table)
            with trio.move_on_after(PATIENCE):
                await _wait(process)
            table.disown(root)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    await pipe.aclose()


async def _wait(process: trio.Process) -> int:
    """Wait for its exit. Trio's own function needs a thread where there are no pidfds, and crashes the whole loop when
    there are no threads either."""
    await wait_exited(process.pid, POLL)
    return process.poll() or 0


async def _end(tree: ProcessTree, table: ProcessTable) -> None:
    try:
        await tree.end(PATIENCE, PATIENCE)
    except Exhausted:
        table.unverified.add(tree)
    except ProcNotVisible:
        pass  # every known process was killed; health says that others may still run


async def _keep_end(pipe: trio.abc.ReceiveStream | None, kept: bytearray) -> None:
    while pipe is not None and (chunk := await pipe.receive_some()):
        kept += chunk
        if len(kept) > 2 * LAST_WORDS:
            del kept[:-LAST_WORDS]
