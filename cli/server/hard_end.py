"""The hard end: what ends the daemon, and every process that descends from it, when its own stop does not."""

import math
import os
import queue
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ...actors.machine.owner import ProcessId
from ...actors.machine.proc_visibility import CANNOT_LOOK
from ...actors.machine.process_rows import descendants, read_all, read_process
from ...actors.machine.signals import signal_all
from ...actors.processes.fork_loops import end_fork_loops
from ...actors.processes.table import ProcessTable

ROUNDS = 50
PAUSE = 0.02
"""Seconds between two looks at whether they are gone."""

FREEZES = 5
"""So often those who are new are stopped before all are killed."""

MOST_SECONDS = 5.0
"""For all rounds. A look at thousands of processes takes long, and so many are not worth a daemon that never ends."""

SLICE = 0.1
"""Seconds that the thread sleeps at a time."""

LAST_WORDS = 3.0
"""Seconds that the log may take then. Nobody is left who would be an orphan, and the kernel ends us."""

STARVED = 10.0
"""Seconds of CPU time for which something may keep the thread from running, beyond the time that it waits anyway."""

FAILED = 1
"""The exit status when it was no signal that began the end."""

_log = structlog.get_logger("server")


class HardEnd:
    """A thread that sleeps from the start of the daemon on, because later there may be none. From :meth:`arm` on it
    counts ``seconds``, whatever the event loop does or waits for; only :meth:`disarm` stops it. ``farewell`` is called
    before the process ends.

    C code that keeps the GIL keeps the thread from running, too. For that there is a timer of the kernel, which needs
    nothing of Python and ends this process alone: its descendants are then found by the next start. It counts CPU time,
    so that no pause is in it, and the thread sets it anew each time that it runs.
    """

    def __init__(self, seconds: float, table: ProcessTable, farewell: Callable[[], None]) -> None:
        self._seconds = seconds
        self._farewell = farewell
        self._table = table
        self._armed = False
        # Its put may interrupt itself, as in a signal handler; that of an Event may not.
        self._told: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._wait, name="hard end", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<HardEnd {'armed' if self._armed else 'waiting'} seconds={self._seconds:g}>"

    def arm(self, status: int) -> None:
        """``status`` is the exit status, if it comes to that. Does nothing when it is armed."""
        if not self._armed:
            self._armed = True
            _limit_starvation(self._seconds)
            self._told.put(status)

    def disarm(self) -> None:
        """It is over, or will never begin. Ends the thread."""
        self._told.put(None)
        self._told.put(None)

    def now(self, status: int) -> None:
        """End every descendant and this process. In a signal handler as well. Does not return."""
        try:
            kill_descendants(self._table)
            self._leave()
        finally:
            os._exit(status)

    def _wait(self) -> None:
        status = self._told.get()
        # In slices, so that time in which this process was stopped is one of them, and not all of them.
        for left in range(math.ceil(self._seconds / SLICE), 0, -1):
            if status is None:
                break
            _limit_starvation(left * SLICE)
            with suppress(queue.Empty):
                status = self._told.get(timeout=SLICE)
        if status is None:
            signal.setitimer(signal.ITIMER_PROF, 0)
            return
        _limit_starvation(0)
        try:
            kill_descendants(self._table)
            self._leave("the stop took too long: every process that was left has been killed")
        finally:
            os._exit(status)

    def _leave(self, words: str = "") -> None:
        # SIGALRM by its default: the log may be what hangs, or a lock of it that the stuck thread holds.
        signal.setitimer(signal.ITIMER_REAL, LAST_WORDS)
        if words:
            _log.error(words, seconds=self._seconds)
        self._farewell()


def _limit_starvation(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds + STARVED)


def kill_descendants(table: ProcessTable) -> bool:
    """As subreaper we are an ancestor of whatever the agents started, also of what hid from its session's end. Whether
    nobody is left. Needs neither a thread nor a free descriptor, but for the last one of another process's."""
    table.reserve.close()
    _raise_limit()
    until = time.monotonic() + MOST_SECONDS
    stopped: set[ProcessId] = set()
    try:
        for number in range(ROUNDS):
            # Every agent leads a process group, and its pid is its own until we have waited for it. This needs no look,
            # and reaches also those that fork and exit in less time than one takes.
            for child in table.children:
                with suppress(OSError):
                    os.killpg(child.pid, signal.SIGKILL)
            try:
                left = _descendants()
                if not left and end_fork_loops(None, max(0.0, until - time.monotonic())):
                    return True
                # Who is stopped cannot fork: killed one by one, those that refill each other's places never end.
                if number < FREEZES and (fresh := left - stopped):
                    stopped |= fresh
                    signal_all(fresh, signal.SIGSTOP)
                    continue
                signal_all(left, signal.SIGKILL)
            except (*CANNOT_LOOK, OSError, MemoryError):
                pass
            if time.monotonic() > until:
                break
            time.sleep(PAUSE)
        return False
    finally:
        # Nobody stays stopped whom the last look did not show.
        with suppress(OSError, MemoryError):
            signal_all(stopped, signal.SIGKILL)


def _descendants() -> set[ProcessId]:
    me = read_process(os.getpid())
    return set() if me is None else descendants(read_all(), me.id)


def _raise_limit() -> None:
    """For the moments that are left, all descriptors that we may have."""
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
