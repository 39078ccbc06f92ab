"""The soak: one daemon, and for hours everything that clients and agents can do, at a steady rate."""

import random
from pathlib import Path

import trio
from attrs import define, field

from ..lives import Lives
from ..wire import Gone, call, reset, sse
from .feed import Feed
from .flat import Trend
from .gauges import Gauges
from .visit import BadDays, Visit

SHUTDOWN_TIMEOUT = 10.0

OPTIONS = (
    *("--mock-step-ms", "5", "--sse-keepalive", "0.5", "--interrupt-timeout", "0.5", "--suspend-after", "1"),
    *("--end-eof", "0.1", "--end-interrupt", "0.1", "--end-terminate", "0.2", "--stalled-write-timeout", "5"),
    *("--ended-sessions-kept", "10", "--tail-bytes", "65536", "--stream-batch-bytes", "16384"),
    *("--max-queued-prompts", "4", "--idle-timeout", "10", "--shutdown-timeout", str(SHUTDOWN_TIMEOUT)),
)
"""The limits are small, so that they are reached within minutes."""

VISITS = 5
"""Sessions that are busy at a time; with as many readers of each, and those below."""


@define
class Report:
    trends: list[Trend] = field(factory=list[Trend])
    broken: list[str] = field(factory=list[str])
    visits: int = 0
    commands: int = 0
    mayflies: int = 0
    events: int = 0

    def __str__(self) -> str:
        done = (
            f"{self.visits} sessions with {self.commands} commands, {self.mayflies} that were deleted at work, "
            f"{self.events} events, {len(self.broken)} violations"
        )
        return "\n".join([done, *map(str, self.trends), *self.broken[:30]])


class Soak:
    """``warm_up`` of the ``seconds`` are not judged: caches fill, and retention has nothing to do yet."""

    def __init__(self, home: Path, seed: int, seconds: float, warm_up: float, sample_every: float) -> None:
        self.report = Report()
        self._lives = Lives(home, *OPTIONS, forked=False)
        self._dice = random.Random(seed)
        self._seconds = seconds
        self._warm_up = warm_up
        self._sample_every = sample_every
        self._gauges = Gauges(self._lives)
        self._feed = Feed(self._lives, self._luck())
        self._names = 0
        self._stopping = False

    def __repr__(self) -> str:
        return f"<Soak of {self._seconds:g} s: {self.report.visits} visits, {self._feed!r}>"

    async def run(self) -> Report:
        try:
            await self._lives.start()
            started = trio.current_time()
            async with trio.open_nursery() as readers:
                readers.start_soon(self._feed.read)
                for read in (self._slow_reader, self._stuck_reader, self._poll):
                    readers.start_soon(read)
                async with trio.open_nursery() as sessions:
                    for _ in range(VISITS):
                        sessions.start_soon(self._visits)
                    sessions.start_soon(self._mayflies)
                    while trio.current_time() < started + self._seconds:
                        await trio.sleep(self._sample_every)
                        await self._gauges.look()
                        print(f"{trio.current_time() - started:6.0f} s: {self._gauges.last()}; {self!r}", flush=True)
                    self._stopping = True
                self._feed.stopping = True
            self.report.trends = self._gauges.trends(started + self._warm_up)
            self.report.events = self._feed.events
            self.report.broken += self._feed.broken
            await self._all_gone()
            await self._stop_at_work()
        finally:
            await self._lives.clean_up()
        return self.report

    def _luck(self) -> random.Random:
        return random.Random(self._dice.random())

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}-{self._names}"

    async def _visits(self) -> None:
        while not self._stopping:
            visit = Visit(self._lives, self._feed, self._name("session"), self._luck())
            await visit.run()
            self.report.visits += 1
            self.report.commands += visit.commands
            self.report.broken += visit.broken

    async def _mayflies(self) -> None:
        """Deleted in the middle of what they do. Half of the names are used again at once."""
        dice = self._luck()
        prompts = BadDays(dice, self._lives.home / "mayflies.effects")
        while not self._stopping:
            name = self._name("mayfly")
            for _ in range(dice.choice([1, 2])):
                await self._tell("POST", f"/v1/sessions/{name}", {"agent": "mock"})
                for _ in range(dice.randint(0, 3)):
                    await self._tell("POST", f"/v1/sessions/{name}/messages", {"message": prompts.next()})
                await trio.sleep(dice.expovariate(2))
                await self._tell("DELETE", f"/v1/sessions/{name}")
                self.report.mayflies += 1

    async def _tell(self, method: str, path: str, body: object = None) -> None:
        answer = await call(await self._lives.where(), method, path, body)
        if answer.status is None or answer.status >= 500 or (method == "POST" and answer.status == 409):
            self.report.broken.append(f"{method} {path} answered {answer}")

    async def _poll(self) -> None:
        """As dashboards do."""
        while not self._stopping:
            for path in ("/v1/health", "/v1/sessions", "/v1/permissions", "/v1/questions", "/metrics"):
                answer = await call(await self._lives.where(), "GET", path)
                if answer.status != 200:
                    self.report.broken.append(f"{path} answered {answer}")
            await trio.sleep(1)

    async def _slow_reader(self) -> None:
        """Reads everything, a little at a time, and then disconnects."""
        await self._read_badly(pause=0.2, seconds=15)

    async def _stuck_reader(self) -> None:
        """Requests everything, and reads nothing."""
        await self._read_badly(pause=30, seconds=12)

    async def _read_badly(self, pause: float, seconds: float) -> None:
        while not self._stopping:
            try:
                async with sse(await self._lives.where(), "/v1/events/sse", {"Last-Event-ID": "0"}, 4096) as source:
                    with trio.move_on_after(seconds):
                        while not self._stopping:
                            await source.next()
                            await trio.sleep(pause)
                    reset(source.stream)
            except Gone:
                await trio.sleep(0.1)

    async def _all_gone(self) -> None:
        """No session has work any more, so no agent process is left."""
        with trio.move_on_after(30):
            while self._left():
                await trio.sleep(0.1)
        self.report.broken += [f"9: {left} is alive, and its session ended" for left in self._left()]

    def _left(self) -> list[str]:
        return self._lives.descendants()

    async def _stop_at_work(self) -> None:
        """SIGTERM while sessions are at work and readers are stuck."""
        url = await self._lives.where()
        for prompt in ("spawn", "sleep 600", "hang hard", "permission"):
            name = self._name("last")
            await self._tell("POST", f"/v1/sessions/{name}", {"agent": "mock"})
            await self._tell("POST", f"/v1/sessions/{name}/messages", {"message": prompt})
        async with sse(url, "/v1/events/sse", {"Last-Event-ID": "0"}, 4096):
            await self._lives.stop(SHUTDOWN_TIMEOUT)
        self.report.broken += [f"9: {left} is alive after SIGTERM" for left in self._left()]
