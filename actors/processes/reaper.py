"""The reaper: the daemon is a child subreaper, so orphans of its agents become its children; it reaps them when they
exit."""

import ctypes
import os
import signal
from contextlib import suppress

import structlog
import trio

from ..machine.proc_visibility import CANNOT_LOOK, ProcNotVisible
from .table import ProcessTable

PR_SET_CHILD_SUBREAPER = 36

SETTLE = 0.1
"""Seconds between two looks: many processes exit at the same time, and each look reads all of /proc."""

PAUSE = 1.0
"""Seconds before the next try when a look was not possible."""

_log = structlog.get_logger("reaper")


class Reaper:
    """Reaps adopted zombies by pid: ``waitpid(-1)`` would steal the exit status of agents, which pexpect waits for.

    Only for a process that belongs to the daemon alone: a program that embeds the daemon may have children of its own.
    It cannot fail: when it cannot look, it tries again.
    """

    def __init__(self, table: ProcessTable) -> None:
        self._table = table
        self._reaped = 0
        self._looks = True

    def __repr__(self) -> str:
        return f"<Reaper reaped={self._reaped}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Adopt and reap until cancelled. Must run in the main thread, where signals arrive."""
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            _log.warning("cannot become a subreaper", errno=ctypes.get_errno())
        with trio.open_signal_receiver(signal.SIGCHLD) as signals:
            task_status.started()
            async for _ in signals:
                await trio.sleep(SETTLE)
                if not await self._reap():
                    # Not possible now: look again, as if another child had exited.
                    os.kill(os.getpid(), signal.SIGCHLD)

    async def _reap(self) -> bool:
        """False when it must be tried again: a child was being started, which would look like an orphan until it is
        owned, or the look was not possible."""
        try:
            strays = await self._table.strays()
        except CANNOT_LOOK as error:
            if self._looks:
                _log.warning("cannot look for dead processes to reap", error=str(error))
            self._looks = False
            await trio.sleep(PAUSE)
            return isinstance(error, ProcNotVisible)
        self._looks = True
        for stray in strays or ():
            with suppress(ChildProcessError):
                os.waitpid(stray.pid, os.WNOHANG)  # noqa: ASYNC222 - WNOHANG never waits
                self._reaped += 1
        return strays is not None
