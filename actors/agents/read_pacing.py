"""Read pacing: how often an agent is read that writes fast.

Every read costs a wake-up, a commit of the journal and a write to each subscriber, however little it brings. When each
write was read, one agent took a whole processor at 3,000 reads a second. Output that is gathered for two milliseconds
takes half of one, and a user does not notice two milliseconds.
"""

import trio

FAST = 4
"""Lines in an interval. A slower agent is read at once, also when it writes a few lines together."""

FULL = 32
"""With so many lines in one read, its cost does not matter: an agent that fills its pipe never has to wait."""


class ReadPacing:
    """``interval``: seconds between the beginnings of two reads of a fast agent; 0 never waits. In an idle daemon a
    wait ends with the next whole millisecond, the unit of epoll's timeout."""

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
        """Wait until the next read."""
        if self._fast:
            await trio.sleep_until(self._begun + self._interval)
