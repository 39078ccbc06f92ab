"""The daemon's clock: the one place where events get their time."""

import time


class Clock:
    """Wall time, formatted cheaply: ``datetime.isoformat`` cost more than encoding the rest of the event."""

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def now_ns(self) -> int:
        """Nanoseconds since 1970. Somebody may set it, also back: no order and no timeout may come from here."""
        return time.time_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.now_ns() // 1_000_000

    def stamp(self) -> str:
        """RFC 3339, UTC, microseconds."""
        second, rest = divmod(self.now_ns() // 1000, 1_000_000)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._prefix}.{rest:06d}Z"
