"""Affinity: which processors a thread may run on, so that one that is waited for can run where its waiter stood.

A thread that is woken goes to an idle processor, and an idle virtual one takes 40 us to wake: there and back, a
handover took 80 us, twice as long as the commit that it was for. On the waiter's own processor, idle as soon as it
waits, it takes 8.
"""

import ctypes
import os
import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger("journal")


class CpuAffinity:
    """Of the thread that calls :meth:`begin`; before that, and after :meth:`end`, nothing happens. The others may be
    called from another thread.

    Must be ended: the thread goes back to a pool, and what it is used for next, an agent's fork for one, must find all
    processors as they were.
    """

    def __init__(self) -> None:
        self._thread: int | None = None
        self._all: set[int] = set()
        self._only: int | None = None
        self._lock = threading.Lock()
        # PyDLL: giving up the GIL would cost more than the call.
        self._processor: Callable[[], int] | None = getattr(ctypes.PyDLL(None), "sched_getcpu", None)

    def __repr__(self) -> str:
        state = "none" if self._thread is None else "free" if self._only is None else f"on {self._only}"
        return f"<CpuAffinity {state}>"

    def begin(self) -> None:
        with self._lock:
            self._all = os.sched_getaffinity(0)
            self._thread = threading.get_native_id()

    def follow(self) -> None:
        """The thread may run only where the caller runs, until told otherwise."""
        here = -1 if self._processor is None else self._processor()
        if here != self._only:
            self._set({here}, here)

    def free(self) -> None:
        """The thread may run wherever it might at first."""
        if self._only is not None:
            self._set(self._all, None)

    def _set(self, processors: set[int], only: int | None) -> None:
        with self._lock:
            if self._thread is None:
                return
            try:
                os.sched_setaffinity(self._thread, processors)
                self._only = only
            except (OSError, ValueError) as error:  # forbidden, unknown, or the processor was just taken away from us
                _log.debug("threads stay where they are", error=str(error))
                self._thread = None

    def end(self) -> None:
        self.free()
        with self._lock:
            self._thread = self._only = None
