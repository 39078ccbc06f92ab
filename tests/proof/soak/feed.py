"""A reader of the stream of all sessions, for hours: it resumes, and forgets each session after its check."""

import random
from collections.abc import Sequence

import trio

from ..lives import Lives
from ..rules.history import Frame, Resync
from ..wire import Gone, reset, sse

CATCH_UP_TIMEOUT = 60.0


class Feed:
    """``broken`` are violations, in words. What it read of a session is held until :meth:`forget`."""

    def __init__(self, lives: Lives, dice: random.Random) -> None:
        self.broken: list[str] = []
        self.connections = 0
        self.events = 0
        self.stopping = False
        self._lives = lives
        self._dice = dice
        self._cursor = "0"
        self._at = 0
        self._held: dict[str, list[bytes]] = {}
        self._news = trio.Condition()

    def __repr__(self) -> str:
        return f"<Feed at {self._at}, {self.events} events in {self.connections} connections, {len(self._held)} held>"

    def expect(self, session: str) -> None:
        """Keep the session's events from the first on. Call this before the session exists."""
        self._held[session] = []

    def forget(self, session: str) -> None:
        del self._held[session]

    async def check(self, session: str, frames: Sequence[Frame]) -> None:
        """Waits until as much of the session has come as its log has, and compares."""
        expected = [frame.data for frame in frames]
        with trio.fail_after(CATCH_UP_TIMEOUT):
            async with self._news:
                while len(self._held[session]) < len(expected):
                    await self._news.wait()
        if self._held[session] != expected:
            self.broken.append(f"3: the stream of all sessions does not hold {session} as it is")

    async def read(self) -> None:
        while not self.stopping:
            self.connections += 1
            try:
                async with sse(await self._lives.where(), "/v1/events/sse", {"Last-Event-ID": self._cursor}) as source:
                    with trio.move_on_after(self._dice.expovariate(1 / 5)):
                        while not self.stopping:
                            await self._take(await source.next(), source.log_id)
                    if self._dice.random() < 0.5:
                        reset(source.stream)
            except Gone:
                await trio.sleep(0.01)

    async def _take(self, heard: Frame | Resync | None, log_id: str | None) -> None:
        match heard:
            case Frame(position=position, data=data):
                if position <= self._at:
                    self.broken.append(f"3: the stream of all sessions went from {self._at} back to {position}")
                self.events += 1
                session = heard.event["session_id"]
                if session in self._held:
                    self._held[session].append(data)
                self._at, self._cursor = position, f"{log_id}:{position}"
            case Resync(reason="expired", resumed_after=position):  # what was deleted in the meantime
                self._at, self._cursor = position, f"{log_id}:{position}"
            case Resync(reason=reason):
                self.broken.append(f"4: {self._cursor} of the stream of all sessions got a {reason} resync")
            case None:
                pass
        async with self._news:
            self._news.notify_all()
