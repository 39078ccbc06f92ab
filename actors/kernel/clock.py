"""The daemon's clock: the one place where events get their time."""

import time


class Clock:
    """Wall time, formatted quickly: ``datetime.isoformat`` took longer than encoding the rest of the event."""

    def __init__(self) -> None:
        self._second = 0
        """The beginning of the second in ``_prefix``, in microseconds since 1970."""
        self._prefix = "1970-01-01T00:00:00."

    def now_ns(self) -> int:
        """Nanoseconds since 1970. The wall clock may be set forward or back, so no order and no timeout may use it."""
        return time.time_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.now_ns() // 1_000_000

    def stamp(self) -> str:
        """RFC 3339, UTC, microseconds."""
        rest = self.now_ns() // 1000 - self._second
        if not 0 <= rest < 1_000_000:
            second, rest = divmod(self._second + rest, 1_000_000)
            self._second = second * 1_000_000
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        # The same as {rest:06d}, in half the time.
        return f"{self._prefix}{str(1_000_000 + rest)[1:]}Z"
