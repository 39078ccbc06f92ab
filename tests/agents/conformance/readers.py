"""Clients of the daemon's other streams. Each comes back to the next daemon with the cursor that it has, and writes
down all that it was told, for the history checker."""

import json
from collections.abc import Sequence
from typing import Any

import trio
from attrs import define, field
from trio_websocket import wrap_client_stream

from ...proof.rules.history import Frame, Resync, Stream
from ..daemon import TOKEN, RunningDaemon

RESYNC = "stream.resync"


@define
class Connection:
    """One connection of a reader, from when it asks; an answer that never came has no log."""

    session: str
    via: str
    asked: int
    asked_log: str | None
    log_id: str | None = None
    frames: list[Frame | Resync] = field(factory=list[Frame | Resync])

    @property
    def last(self) -> int:
        return max([self.asked, *(frame.position for frame in self.frames if isinstance(frame, Frame))])

    @property
    def stream(self) -> Stream:
        return Stream(self.session, self.via, self.log_id, self.asked, self.asked_log, self.frames)


class Reader:
    """``session`` is the id of one, or empty for the stream of all sessions."""

    def __init__(self, session: str, via: str = "sse") -> None:
        self.session = session
        self.via = via
        self.connections: list[Connection] = []
        self._news = trio.Event()

    @property
    def streams(self) -> Sequence[Stream]:
        return [connection.stream for connection in self.connections]

    async def follow(self, daemon: RunningDaemon) -> None:
        """Listen from where the last connection broke, until this one does."""
        before = self.connections[-1] if self.connections else None
        connection = (
            Connection(self.session, self.via, before.last, before.log_id)
            if before is not None
            else Connection(self.session, self.via, 0, None)
        )
        self.connections.append(connection)
        await (self._sse(daemon, connection) if self.via == "sse" else self._websocket(daemon, connection))

    async def reaches(self, position: int) -> None:
        """Wait until everything up to here was heard."""
        while not self.connections or self.connections[-1].last < position:
            await self._news.wait()

    async def _sse(self, daemon: RunningDaemon, connection: Connection) -> None:
        path = f"/v1/sessions/{self.session}/events/sse" if self.session else "/v1/events/sse"
        cursor = f"{connection.asked_log}:{connection.asked}" if connection.asked_log else "0"
        position = 0
        async with daemon.http.stream("GET", path, headers={"Last-Event-ID": cursor}) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                if line.startswith("id: "):
                    connection.log_id, _, number = line.removeprefix("id: ").rpartition(":")
                    position = int(number)
                elif line.startswith("data: "):
                    self._heard(connection, line.removeprefix("data: "), position)

    async def _websocket(self, daemon: RunningDaemon, connection: Connection) -> None:
        info = (await daemon.http.get(f"/v1/sessions/{self.session}")).json()
        connection.log_id = info["logId"]
        url, headers = daemon.http.base_url, [("Authorization", f"Bearer {TOKEN}")]
        path = f"/v1/sessions/{self.session}/ws?offset={connection.asked}"
        # The stream is ours: trio-websocket leaves it open when the server goes away.
        async with await trio.open_tcp_stream(url.host, url.port) as stream, trio.open_nursery() as nursery:
            socket = await wrap_client_stream(nursery, stream, url.netloc.decode(), path, extra_headers=headers)
            while True:
                self._heard(connection, str(await socket.get_message()), None)

    def _heard(self, connection: Connection, text: str, position: int | None) -> None:
        said: dict[str, Any] = json.loads(text)
        if said["type"] == RESYNC:
            connection.frames.append(Resync(said["reason"], said["resumed_after"]))
        else:
            connection.frames.append(Frame(said["sequence"] if position is None else position, text.encode()))
        self._news.set()
        self._news = trio.Event()
