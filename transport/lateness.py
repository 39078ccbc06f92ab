"""Lateness: how long the event loop lets a task wait that should run now."""

import trio

from ..actors.timings import Timings


class Lateness:
    """A task that sleeps for ``interval`` seconds again and again, and tells how much later it woke up. It sees a part
    of what delays others, and costs nothing: a look at every step of every task was not free."""

    def __init__(self, interval: float) -> None:
        self.timings = Timings()
        self._interval = interval

    def __repr__(self) -> str:
        return f"<Lateness every {self._interval:g} s {self.timings!r}>"

    async def run(self) -> None:
        while self._interval:
            due = trio.current_time() + self._interval
            await trio.sleep_until(due)
            self.timings.add(max(trio.current_time() - due, 0.0))
