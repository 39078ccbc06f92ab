"""The daemon's clock: the one place where events get their time."""

import time


class Clock:
    """Wall time, formatted cheaply: ``datetime.isoformat`` cost more than encoding the rest of the event."""

    def __init__(self) -> None:
        self._second = 0
        """The beginning of the second that ``_prefix`` tells, in microseconds since 1970."""
        self._prefix = "1970-01-01T00:00:00."

    def now_ns(self) -> int:
        """Nanoseconds since 1970. Somebody may set it, also back: no order and no timeout may come from here."""
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
        # As {rest:06d}, in half the time.
        return f"{self._prefix}{str(1_000_000 + rest)[1:]}Z"
