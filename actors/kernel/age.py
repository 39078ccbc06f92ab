"""Age: how old something is by a clock that cannot be made to jump.

What is deleted for its age must not be deleted because the wall clock is wrong. While the daemon runs its time goes by
the monotonic clock; and the time between two lives of the daemon, which only the wall clock tells, counts for a day at
most. An age may come out too small, then, and what is old is kept for longer.
"""

import trio

DOWNTIME_MS = 86_400_000


class Age:
    """``now_ms`` is what the wall clock says, ``latest_ms`` the newest time that was kept, None for none."""

    def __init__(self, now_ms: int, latest_ms: int | None) -> None:
        believed = min(now_ms, latest_ms + DOWNTIME_MS) if latest_ms is not None else now_ms
        self._ahead = believed / 1000 - trio.current_time()

    def __repr__(self) -> str:
        return f"<Age at {self._now():.0f}>"

    def _now(self) -> float:
        return trio.current_time() + self._ahead

    def of(self, stamp_ms: int) -> float:
        """Seconds since then."""
        return self._now() - stamp_ms / 1000
