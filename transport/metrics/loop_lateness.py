"""Loop lateness: how long the event loop lets a task wait that is ready to run."""

import structlog
import trio

from ...actors.public import Histogram, LoopClock

_log = structlog.get_logger("loop")


class LoopLateness:
    """A task that repeatedly sleeps for ``interval`` seconds, and measures how much later it woke up. It samples the
    delays of other tasks at nearly no cost; to measure every step of every task was too expensive."""

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
            # The loop's clock leaves a pause out; the metric includes it.
            paused = _paused() - paused
            if paused:
                _log.warning("did not run for a while; no timeout counts it", seconds=round(paused, 3))
            self.timings.add(max(trio.current_time() - due, 0.0) + paused)


def _paused() -> float:
    """Seconds that the loop's clock has left out since the start."""
    clock = trio.lowlevel.current_clock()
    return clock.paused if isinstance(clock, LoopClock) else 0.0
