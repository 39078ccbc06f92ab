"""Lateness: how long the event loop lets a task wait that should run now."""

import structlog
import trio

from ...actors.public import Histogram, LoopClock

_log = structlog.get_logger("loop")


class LoopLateness:
    """A task that sleeps for ``interval`` seconds again and again, and tells how much later it woke up. It sees a part
    of what delays others, and costs nothing: a look at every step of every task was not free."""

    def __init__(self, interval: float) -> None:
        self.timings = Histogram()
        self._interval = interval

    def __repr__(self) -> str:
        return f"<LoopLateness every {self._interval:g} s {self.timings!r}>"

    async def run(self) -> None:
        while self._interval:
            paused = _paused()
            due = trio.current_time() + self._interval
            await trio.sleep_until(due)
            # The clock leaves a pause out. Whoever watches the daemon is told of it all the same.
            paused = _paused() - paused
            if paused:
                _log.warning("did not run for a while; no timeout counts it", seconds=round(paused, 3))
            self.timings.add(max(trio.current_time() - due, 0.0) + paused)


def _paused() -> float:
    """Seconds that the loop's clock has left out since the start."""
    clock = trio.lowlevel.current_clock()
    return clock.paused if isinstance(clock, LoopClock) else 0.0
