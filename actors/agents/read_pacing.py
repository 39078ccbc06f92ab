"""Pace: how often an agent is read that writes faster than it is read.

Every read costs a wake-up, a commit of the journal and a write to each subscriber, however little it brings. Read as
often as it wrote, one agent took a whole processor at 3,000 reads a second; what is gathered for two milliseconds
takes half of one, and nobody sees two milliseconds.
"""

import trio

FAST = 4
"""Lines in an interval. An agent that is slower than that is read at once, also when it says a few things together."""

FULL = 32
"""So many lines at once make up for what a read costs: an agent that fills its pipe is never kept waiting."""


class ReadPacing:
    """``interval``: seconds between the beginnings of two reads of an agent that is fast; 0 is never to wait. In an
    idle daemon it ends with the next whole millisecond, the unit of epoll's clock."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._begun = 0.0
        self._fast = False

    def __repr__(self) -> str:
        return f"<ReadPacing {'fast' if self._fast else 'slow'}>"

    def read(self, count: int) -> None:
        """A read has brought ``count`` lines."""
        now = trio.current_time()
        since, self._begun = now - self._begun, now
        self._fast = 1 < count < FULL and count * self._interval > FAST * since

    async def wait(self) -> None:
        """Until the next read."""
        if self._fast:
            await trio.sleep_until(self._begun + self._interval)
