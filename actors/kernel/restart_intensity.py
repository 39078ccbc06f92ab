"""Restart intensity, with OTP's meaning: how many restarts are allowed within a period."""

from collections import deque

import trio


class RestartIntensity:
    """``limit`` occurrences within ``period`` seconds are allowed; one more is too many. ``backoff`` and
    ``backoff_max`` are seconds, for :attr:`pause`."""

    def __init__(self, limit: int, period: float, backoff: float = 0.0, backoff_max: float = 0.0) -> None:
        self.limit = limit
        self.period = period
        self._backoff = backoff
        self._backoff_max = backoff_max
        self._times: deque[float] = deque()

    def __repr__(self) -> str:
        return f"<RestartIntensity {self.recent}/{self.limit} in {self.period:g} s>"

    @property
    def recent(self) -> int:
        now = trio.current_time()
        while self._times and self._times[0] <= now - self.period:
            self._times.popleft()
        return len(self._times)

    def occurred(self) -> bool:
        """Count one occurrence; True when it exceeds the limit."""
        self._times.append(trio.current_time())
        return self.recent > self.limit

    @property
    def pause(self) -> float:
        """Seconds to wait before the next start: none before the first restart, then doubling from the second on."""
        earlier = self.recent - 1
        return min(self._backoff * 2 ** (earlier - 1), self._backoff_max) if earlier > 0 else 0.0
