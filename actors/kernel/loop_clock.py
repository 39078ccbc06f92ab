"""The event loop's clock: it counts the time in which this process runs, and stands still while it does not.

A stopped daemon (SIGSTOP, a paused sandbox, a suspended machine, a restored snapshot) reads nothing. On trio's own
clock every timeout that ended meanwhile expires at the first look afterwards, before anything that waits in pipes and
sockets was read: agents that had answered were ended as silent. So every deadline of the daemon uses this clock: ours,
trio's, httpx's, hypercorn's. No code that waits has to know of pauses.

A pause is subtracted from the time; timeouts do not start again. Otherwise repeated pauses (a sandbox that is frozen
whenever nobody uses it) would keep a silent agent for ever.

A machine that is too busy makes the daemon late as well, repeatedly. An agent can cause that by starting a thousand
computing processes. If each delay were a pause, no timeout would ever expire. So a delay that comes soon after another
and is not long counts as ``gap`` seconds, and has no grace period.
"""

import math
import time
from collections.abc import Callable

import trio.abc

from ...schema.settings import Settings

BUSY_GAPS = 60
"""In gaps. A late look that comes within this time after another late look means a busy machine, unless it is later
than this time. So when the loop is always late, its clock still runs at a sixtieth of the real speed or faster. (With
8,000 computing processes on two cores it was late by 20 to 50 seconds.)"""


class LoopClock(trio.abc.Clock):
    """For :func:`trio.run`. A look at the clock that comes more than ``gap`` seconds too late is a pause or a delay of
    a busy machine; with a ``gap`` of 0 neither is noticed. After a pause the clock stands still for ``grace`` seconds
    more, so that what came during the pause is read before any timeout expires. ``source`` is the system's monotonic
    clock.

    ``pauses`` counts pauses and delays; ``paused`` is the sum of the seconds that do not count, without the grace.
    """

    def __init__(self, gap: float, grace: float, source: Callable[[], float] = time.perf_counter) -> None:
        self.pauses = 0
        self.paused = 0.0
        self._gap = gap or math.inf
        self._grace = grace
        self._source = source
        # An idle loop looks at the clock at least this often; a longer sleep would look like a pause.
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
        """The run begins now; time before it is no pause."""
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
            # The time that it slept is left out too: it is not known when in the sleep the pause began.
            self._base, self._moves_from = self._at(self._seen), now + self._grace
        self._busy_until = now + BUSY_GAPS * self._gap
        self.pauses += 1
        self.paused += missed

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long the loop may sleep; trio then looks at the clock again, and sleeps again if needed."""
        now = self.current_time()
        standing = max(self._moves_from - self._seen, 0.0)
        self._slept = min(max(deadline - now, 0.0) + standing, self._longest_sleep)
        return self._slept

    def _at(self, moment: float) -> float:
        return self._base + max(moment - self._moves_from, 0.0)
