"""The clocks of one agent process: how long it may take to start, to say something, to end a turn, to obey, to rest.

Which of them run follows from what the session is doing; the session says so after every message, and is told when
one of them is due. Those of a turn stand still while a human is asked: an agent that waits is neither silent nor slow.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import trio
from attrs import define

from ...schema.settings import Settings
from ...schema.timeouts import Timeouts

Watched = Literal["start", "idle", "turn", "interrupt", "suspend"]


@define
class _Clock:
    """Counts up to ``limit`` seconds while it runs; a limit of 0 is never reached."""

    limit: float
    spent: float = 0.0
    since: float | None = None

    @property
    def deadline(self) -> float:
        return math.inf if self.since is None or not self.limit else self.since + self.limit - self.spent

    def run(self, now: float) -> None:
        if self.since is None:
            self.since = now

    def stand(self, now: float) -> None:
        if self.since is not None:
            self.spent += now - self.since
            self.since = None

    def rewind(self, now: float) -> None:
        self.spent = 0.0
        if self.since is not None:
            self.since = now


class Watchdogs:
    """``limits`` has the seconds of each clock; 0 is off. The agent is starting when this is made."""

    def __init__(self, limits: Mapping[Watched, float]) -> None:
        self._clocks: dict[Watched, _Clock] = {name: _Clock(seconds) for name, seconds in limits.items()}
        self._ready = False
        self._turn: str | None = None
        self._asking = False
        self._working = False
        self._interrupted: str | None = None
        self._moved = trio.Event()
        self._wind()

    @classmethod
    def of(cls, timeouts: Timeouts, settings: Settings) -> "Watchdogs":
        return cls(
            {
                "start": timeouts.start_seconds,
                "interrupt": settings.interrupt_timeout,
                "idle": timeouts.idle_seconds,
                "turn": timeouts.turn_seconds,
                "suspend": timeouts.suspend_after_seconds,
            }
        )

    def __repr__(self) -> str:
        now = trio.current_time()
        left = [f"{n}={c.deadline - now:.0f}s" for n, c in self._clocks.items() if c.deadline < math.inf]
        return f"<Watchdogs {' '.join(left) or 'asleep'}>"

    def limit(self, name: Watched) -> float:
        return self._clocks[name].limit

    @property
    def interrupted(self) -> str | None:
        """The turn that was interrupted last; it may have ended since."""
        return self._interrupted

    def follow(self, *, ready: bool, turn: str | None, asking: bool, working: bool = False) -> None:
        """What the session is doing now; ``working`` is in the background. Cheap when nothing has changed: it is called
        after every message."""
        if (ready, turn, asking, working) != (self._ready, self._turn, self._asking, self._working):
            if turn != self._turn:
                for name, clock in self._clocks.items():
                    if name != "start":
                        clock.rewind(trio.current_time())
            if working != self._working:
                self._clocks["suspend"].rewind(trio.current_time())
            self._ready, self._turn, self._asking, self._working = ready, turn, asking, working
            self._wind()

    def heard(self) -> None:
        """The agent has said something that matters."""
        if self._clocks["idle"].limit:
            self._clocks["idle"].rewind(trio.current_time())

    def interrupt(self, turn: str) -> None:
        """The agent was told to stop this turn. From now on that is all it is given time for."""
        self._interrupted = turn
        self._wind()

    def take_due(self) -> Watched | None:
        """What has not happened in time, if anything; its clock begins anew."""
        now = trio.current_time()
        self._moved.set()
        for name, clock in self._clocks.items():
            if clock.deadline <= now:
                clock.rewind(now)
                return name
        return None

    async def run(self, ring: Callable[[], Awaitable[None]]) -> None:
        """Ring whenever something is due, then wait until the session has looked. A clock that moves on meanwhile
        makes it ring for nothing."""
        while True:
            self._moved = trio.Event()
            deadline = min(clock.deadline for clock in self._clocks.values())
            with trio.move_on_at(deadline):
                await self._moved.wait()
                continue
            if min(clock.deadline for clock in self._clocks.values()) <= trio.current_time():
                await ring()
                await self._moved.wait()

    def _running(self) -> set[Watched]:
        if not self._ready:
            return {"start"}
        if self._turn is not None and self._turn == self._interrupted:
            return {"interrupt"}
        if self._asking:
            return set()
        if self._turn is None:
            return set() if self._working else {"suspend"}
        return {"idle", "turn"}

    def _wind(self) -> None:
        now, running = trio.current_time(), self._running()
        for name, clock in self._clocks.items():
            if name in running:
                clock.run(now)
            else:
                clock.stand(now)
        # Whoever was asked gets the agent a full idle time again: it has been waiting, not silent.
        if self._asking:
            self._clocks["idle"].rewind(now)
        self._moved.set()
