"""Readers of a daemon that is killed repeatedly: they return with their cursor, and some disconnect within a frame."""

import json
import random

import trio

from .lives import Lives
from .recorder import Recorder, Watching
from .rules.history import FEED, Frame
from .wire import Gone, Socket, Sse, call, reset, sse, websocket

FAR = 10**9
"""Beyond every log."""

FOREIGN = "0123456789ab"
"""No log's id."""


class Watchers:
    """``sessions`` may change while they watch."""

    def __init__(self, lives: Lives, recorder: Recorder, dice: random.Random, sessions: list[str]) -> None:
        self.lives = lives
        self.recorder = recorder
        self.sessions = sessions
        self.stopping = False
        self._dice = dice
        self._logs: dict[str, str] = {}
        self._feed: tuple[str | None, int] = (None, 0)

    async def watch_sessions(self, via: str) -> None:
        """One connection after the other, to any session."""
        while not self.stopping:
            await trio.sleep(self._dice.expovariate(50))
            if not self.sessions:
                continue
            session = self._dice.choice(self.sessions)
            try:
                url = await self.lives.where()
                if session not in self._logs:
                    self._logs[session] = await log_id_of(url, session)
                await (self._sse(url, session) if via == "sse" else self._websocket(url, session))
            except Gone:
                pass

    async def watch_feed(self) -> None:
        while not self.stopping:
            await trio.sleep(self._dice.expovariate(50))
            log_id, seen = self._feed
            asked = self._dice.choice([seen, seen, seen, self._dice.randint(0, seen)])
            with self.recorder.watch(FEED, "sse", asked, log_id) as watching:
                try:
                    url = await self.lives.where()
                    cursor = {"Last-Event-ID": f"{log_id}:{asked}"} if log_id else {"Last-Event-ID": "0"}
                    async with sse(url, "/v1/events/sse", cursor) as source:
                        await self._take(source, watching)
                except Gone:
                    pass
                if watching.log_id is not None:
                    self._feed = watching.log_id, max(seen, *(heard.position for heard in frames(watching)), 0)

    def _cursor(self, session: str) -> tuple[int, str | None]:
        """A cursor that a client may have: mostly its last one, sometimes an older one, or one that does not exist."""
        seen, log_id = self.recorder.seen[session], self._logs[session]
        return self._dice.choice(
            [(seen, log_id)] * 8
            + [(seen, None), (self._dice.randint(0, seen), log_id), (0, None), (FAR, log_id), (seen, FOREIGN)]
        )

    async def _sse(self, url: str, session: str) -> None:
        asked, log = self._cursor(session)
        cursor = str(asked) if log is None else f"{log}:{asked}"
        by_header = self._dice.random() < 0.5
        path = f"/v1/sessions/{session}/events/sse" + ("" if by_header else f"?offset={cursor}")
        with self.recorder.watch(session, "sse", asked, log) as watching:
            async with sse(url, path, {"Last-Event-ID": cursor} if by_header else {}) as source:
                await self._take(source, watching)

    async def _websocket(self, url: str, session: str) -> None:
        asked, log = self._cursor(session)
        cursor = str(asked) if log is None else f"{log}:{asked}"
        with self.recorder.watch(session, "websocket", asked, log) as watching:
            watching.log_id = self._logs[session]
            async with websocket(url, f"/v1/sessions/{session}/ws?offset={cursor}") as socket:
                await self._take(socket, watching)

    async def _take(self, source: Sse | Socket, watching: Watching) -> None:
        """Read for a while, then close the connection, or reset it as when the client's machine is gone."""
        with trio.move_on_after(self._dice.expovariate(1)):
            while not self.stopping:
                heard = await source.next()
                watching.log_id = watching.log_id or source.log_id
                if isinstance(heard, dict) or heard is None:
                    continue
                watching.heard.append(heard)
                if isinstance(heard, Frame) and watching.session != FEED:
                    seen = self.recorder.seen
                    seen[watching.session] = max(seen[watching.session], heard.position)
        if self._dice.random() < 0.5:
            reset(source.stream)


def frames(watching: Watching) -> list[Frame]:
    return [heard for heard in watching.heard if isinstance(heard, Frame)]


async def log_id_of(url: str, session: str) -> str:
    answer = await call(url, "GET", f"/v1/sessions/{session}")
    if answer.status != 200:
        raise Gone(f"{session} answered {answer}")
    return json.loads(answer.body)["logId"]
