"""The signals that stop the daemon: the first one begins its stop, a second one ends it at once, whatever it is doing.

Python's own handlers, from before the event loop begins until after it has ended: trio's receiver hears nothing while
the loop is stuck, and gives the signals back to the system, whose default is to end us with all agents alive, as soon
as its task is cancelled.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

import trio

from .hard_end import HardEnd


class StopSignals:
    """``first`` is the signal that began the stop."""

    def __init__(self, hard_end: HardEnd) -> None:
        self.first: signal.Signals | None = None
        self._hard_end = hard_end
        self._arrived = trio.Event()
        self._token: trio.lowlevel.TrioToken | None = None

    def __repr__(self) -> str:
        return f"<StopSignals {self.first.name if self.first is not None else 'none yet'}>"

    @contextmanager
    def handled(self) -> Generator[None]:
        """Only in the main thread."""
        watched = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means what it says
            watched.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._handle) for number in watched}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.first is not None:
            self._hard_end.now(128 + number)
        self.first = signal.Signals(number)
        self._hard_end.arm(128 + number)
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._arrived.set)

    async def wait(self) -> signal.Signals:
        """The first signal, also one that came before."""
        self._token = trio.lowlevel.current_trio_token()
        if self.first is None:
            await self._arrived.wait()
        assert self.first is not None, "it has arrived"  # noqa: S101
        return self.first
