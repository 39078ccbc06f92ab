"""LogWriter: lines that wait for their output, and the thread that writes them.

Whoever logs never waits for whoever reads. A terminal under Ctrl-S, a pipe that nobody reads and a full disk took the
whole daemon with them while its event loop wrote its own log.
"""

import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from attrs import frozen

from .outputs import BegunAnew, Output

BATCH_BYTES = 64 << 10
"""Lines that are written at once. Each write gives up the GIL, and getting it back from a busy loop takes 5 ms."""
LINE_COST = 128
"""Bytes of memory that a line takes besides its text while it waits."""
RETRY = 1.0
"""Seconds before a write that failed is tried again."""


@frozen
class Line:
    """``dropped`` is how many had been dropped when this one came."""

    data: bytes
    dropped: int

    @property
    def cost(self) -> int:
        return len(self.data) + LINE_COST


class LogWriter:
    """Holds at most ``max_bytes`` of lines. One more is dropped and counted, and then all that come until half of them
    are written; then one line, made by ``notice``, says how many were dropped. Lines keep their order.

    :meth:`put` may be called from any thread, a signal handler or a destructor, and never blocks.
    """

    def __init__(self, output: Output, max_bytes: int, notice: Callable[[int], bytes]) -> None:
        self._output = output
        self._max_bytes = max_bytes
        self._notice = notice
        # Puts do not block and may interrupt each other, which those of a deque under a Condition may not.
        self._queue = SimpleQueue[Line | threading.Event]()
        self._lock = threading.RLock()  # of the four below; a destructor may log while its thread holds it
        self._waiting = 0
        self._dropping = False
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._told = 0
        self._closing = threading.Event()

    def __repr__(self) -> str:
        return f"<LogWriter {self._output!r} {self._waiting} bytes wait, {self._dropped} lines dropped>"

    @property
    def dropped(self) -> int:
        return self._dropped

    def put(self, data: bytes) -> None:
        with self._lock:
            line = Line(data, self._dropped)
            limit = self._max_bytes // 2 if self._dropping else self._max_bytes
            self._dropping = bool(self._waiting) and self._waiting + line.cost > limit
            if self._dropping:
                self._dropped += 1
                return
            self._waiting += line.cost
            self._queue.put(line)
        self.start()

    def start(self) -> None:
        """Starts the thread, unless there is one. When none can be had, lines wait, and the next one tries again."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                # A daemon thread: one that waits for a reader must not hold up the end of the process.
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:
                    self._thread = None

    def close(self, seconds: float) -> None:
        """The end of the process is near: waits for what was put to be written, at most so long."""
        self._closing.set()
        self.start()
        if self._thread is None:
            self._write_here(time.monotonic() + seconds)
            return
        written = threading.Event()
        self._queue.put(written)
        written.wait(seconds)

    def after_fork_in_child(self) -> None:
        """The threads of the parent are not there, and one of them may have held the lock."""
        self._lock = threading.RLock()

    def _run(self) -> None:
        # The kernel stops a whole process whose background thread writes to a terminal with `tostop`, unless the
        # thread blocks SIGTTOU. The others are the main thread's business.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            lines, closings = self._take(self._queue.get())
            self._write(self._joined(lines))
            self._forget(lines)
            if self._queue.empty():  # there may be no line for long that could bring it
                self._write(self._tell(self._dropped))
            for written in closings:
                written.set()

    def _take(self, first: Line | threading.Event) -> tuple[list[Line], list[threading.Event]]:
        """What waits, up to a batch of it."""
        lines: list[Line] = []
        closings: list[threading.Event] = []
        size, item = 0, first
        with suppress(Empty):
            while True:
                if isinstance(item, Line):
                    lines.append(item)
                    size += len(item.data)
                else:
                    closings.append(item)
                if size >= BATCH_BYTES:
                    break
                item = self._queue.get_nowait()
        return lines, closings

    def _joined(self, lines: list[Line]) -> bytes:
        """With a notice where some were dropped."""
        return b"".join([self._tell(line.dropped) + line.data for line in lines])

    def _tell(self, dropped: int) -> bytes:
        untold, self._told = dropped - self._told, dropped
        return self._notice(untold) if untold else b""

    def _write(self, data: bytes) -> None:
        whole = rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._output.write(rest) :]
            except BegunAnew:
                rest = whole[data.rfind(b"\n", 0, len(data) - len(rest)) + 1 :]
            except OSError:  # no room, no right, or nobody reads: all of that can pass
                if self._closing.is_set():
                    return
                self._closing.wait(RETRY)

    def _forget(self, lines: list[Line]) -> None:
        with self._lock:
            self._waiting -= sum(line.cost for line in lines)

    def _write_here(self, deadline: float) -> None:
        """Without a thread. So much goes into a pipe that can be written to, without a wait for its reader."""
        lines, _ = self._take(threading.Event())
        rest = memoryview(self._joined(lines) + self._tell(self._dropped))
        with suppress(OSError):
            while rest and self._output.writable(max(deadline - time.monotonic(), 0)):
                rest = rest[self._output.write(rest[: select.PIPE_BUF]) :]
        self._forget(lines)
