"""Age: how old something is, measured so that a jump of the wall clock does no harm.

Nothing may be deleted for its age because the wall clock is wrong. While the daemon runs, age is measured by the
monotonic clock. The time between two runs of the daemon is known from the wall clock only, and counts as one day at
most. So an age can be too small, and then old things are kept for longer.
"""

import trio

DOWNTIME_MS = 86_400_000


class Age:
    """``now_ms`` is the wall clock's time, ``latest_ms`` the newest time in the journal; None when it has none."""

    def __init__(self, now_ms: int, latest_ms: int | None) -> None:
        believed = min(now_ms, latest_ms + DOWNTIME_MS) if latest_ms is not None else now_ms
        self._ahead = believed / 1000 - trio.current_time()

    def __repr__(self) -> str:
        return f"<Age at {self._now():.0f}>"

    def _now(self) -> float:
        return trio.current_time() + self._ahead

    def of(self, stamp_ms: int) -> float:
        """Seconds since ``stamp_ms``."""
        return self._now() - stamp_ms / 1000
