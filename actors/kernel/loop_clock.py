"""The event loop's clock: it counts the time in which this process runs, and stands still while it does not.

A stopped daemon (SIGSTOP, a paused sandbox, a machine that was suspended, a snapshot that is restored) hears nobody. On
trio's own clock every timeout that ended meanwhile is over at the first look afterwards, before anything that waits in
pipes and sockets was read: agents that had answered were ended for their silence. So every deadline of the daemon is on
this clock: ours, trio's, httpx's, hypercorn's. Nothing that waits has to know of pauses.

A pause is taken out of the time; the timeouts do not begin anew. Pauses that come again and again (a sandbox that is
frozen whenever nobody looks) would otherwise keep a silent agent for ever.

A machine that is too busy for the daemon makes it late as well, and then again and again: an agent can do that, by
starting a thousand processes that compute. Were each time a pause, no timeout would ever be over. So one that comes
soon after another and is not long counts ``gap`` seconds, and has no grace.
"""

import math
import time
from collections.abc import Callable

import trio.abc

from ...schema.settings import Settings

BUSY_GAPS = 60
"""Gaps. A late look that comes within so many of the one before is the work of a busy machine, unless it is later than
so many. So a loop that is always late has a clock that runs at a sixtieth of the speed or faster. (With 8,000 processes
that compute on two cores it was late by 20 to 50 seconds.)"""


class LoopClock(trio.abc.Clock):
    """For :func:`trio.run`. A look at the clock that comes more than ``gap`` seconds later than it should is a pause,
    or the machine is busy; 0 notices none. After a pause the clock goes on to stand still for ``grace`` seconds: what
    came during it is heard before any timeout is over. ``source`` is the system's monotonic clock.

    ``pauses`` counts both; ``paused`` is how many seconds of them do not count, the grace not included.
    """

    def __init__(self, gap: float, grace: float, source: Callable[[], float] = time.perf_counter) -> None:
        self.pauses = 0
        self.paused = 0.0
        self._gap = gap or math.inf
        self._grace = grace
        self._source = source
        # A loop with nothing to do looks as often as this; a longer sleep could not be told from a pause.
        self._longest_sleep = self._gap / 2
        self._seen = self._moves_from = source()
        self._busy_until = -math.inf
        self._slept = 0.0
        self._base = self._seen

    def __repr__(self) -> str:
        return f"<LoopClock {self.current_time():.3f} pauses={self.pauses} paused={self.paused:.1f}s>"

    @classmethod
    def of(cls, settings: Settings) -> "LoopClock":
        return cls(settings.pause_gap, settings.pause_grace)

    def start_clock(self) -> None:
        """The run begins now; what was before it is no pause."""
        self._seen = self._source()

    def current_time(self) -> float:
        """Seconds; never goes back."""
        now = self._source()
        missed = now - self._seen - self._slept
        if missed > self._gap:
            self._leave_out(missed, now)
        self._seen = now
        self._slept = 0.0
        return self._at(now)

    def _leave_out(self, missed: float, now: float) -> None:
        busy = self._seen < self._busy_until and missed < BUSY_GAPS * self._gap
        counted = self._seen + self._slept + self._gap
        if busy:
            missed -= self._gap
            self._base, self._moves_from = self._at(counted), now + max(self._moves_from - counted, 0.0)
        else:
            # Also what it slept: nobody knows in which part of the sleep the pause began.
            self._base, self._moves_from = self._at(self._seen), now + self._grace
        self._busy_until = now + BUSY_GAPS * self._gap
        self.pauses += 1
        self.paused += missed

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long the loop may sleep; trio looks at the clock after it, and sleeps again."""
        now = self.current_time()
        standing = max(self._moves_from - self._seen, 0.0)
        self._slept = min(max(deadline - now, 0.0) + standing, self._longest_sleep)
        return self._slept

    def _at(self, moment: float) -> float:
        return self._base + max(moment - self._moves_from, 0.0)
