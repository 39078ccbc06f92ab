"""The stream of one turn: what ``POST …/messages/stream`` answers."""

from collections.abc import AsyncGenerator
from contextlib import nullcontext

import trio

from ...actors.public import Batch, EventLog, Expired
from ...schema.cursor import Cursor
from ...schema.encode import EncodedEvent
from ..guard.leases import Hold
from ..http.framing import Framing
from .readers import Readers

ASKS = ("permission.requested", "question.requested")


class Turn:
    """Picks one turn's events out of a log. A prompt that waits in the queue skips the turns before its own."""

    def __init__(self, turn_id: str) -> None:
        self._mark = b'"turn_id":"%b"' % turn_id.encode()
        self.state = "waiting"

    def __repr__(self) -> str:
        return f"<Turn {self.state} {self._mark.decode()}>"

    @property
    def ended(self) -> bool:
        return self.state == "ended"

    def pick(self, batch: Batch) -> Batch:
        """The events of ``batch`` that belong to the turn."""
        positions: list[int] = []
        picked: list[EncodedEvent] = []
        for position, event in zip(batch.positions, batch.events, strict=True):
            if self.state == "waiting" and self._begins(event):
                self.state = "running"
            if self.state == "running":
                positions.append(position)
                picked.append(event)
                if event.ends_stream or event.type in ASKS:
                    self.state = "ended"
                    break
        return Batch(positions, picked, batch.last)

    def _begins(self, event: EncodedEvent) -> bool:
        # When a session ends, the prompts in its queue end too: their turns never start.
        return event.type == "session.ended" or (event.type == "turn.started" and self._mark in event.head)


async def follow_turn(
    readers: Readers,
    log: EventLog,
    after: int,
    turn_id: str,
    framing: Framing,
    batch_bytes: int,
    hold: Hold | None = None,
) -> AsyncGenerator[bytes]:
    """Ends after the turn's end, the session's end, an error that is not retried, or an approval; or when the lease of
    ``hold`` has ended, which a last frame tells.

    When the reader was too slow and a part of the turn has expired, it says so and ends: the missing part may contain
    the end.
    """
    turn = Turn(turn_id)
    with hold or nullcontext() as lease, readers.subscribers.opened("turn", log, after, lease) as subscriber:
        while not turn.ended:
            if lease is not None and lease.over:
                yield readers.last_frame(log, after, lease, framing)
                return
            try:
                batch = await log.read(after, batch_bytes, raw=framing.include_raw)
            except Expired:
                yield readers.resync(log, "expired", Cursor(after, log.log_id), log.resume(after), framing)
                return
            if batch.last == log.last:
                subscriber.fresh_at = trio.current_time()
            picked = turn.pick(batch)
            if picked.events:
                yield framing.events(log.log_id, picked)
            if batch.last > after:
                subscriber.cursor = after = batch.last
            elif readers.ended(log):
                return
            elif not await readers.wait_beyond(subscriber, after, framing):
                yield framing.keepalive
