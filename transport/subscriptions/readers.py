"""Readers: the state that all open streams share, and how a stream reads a log from a cursor: replay, then live.

Replay and live streaming are the same read beyond the cursor, so there is no hand-off at which an event could be lost
or sent twice.
"""

import math
from collections.abc import AsyncGenerator
from contextlib import nullcontext

import structlog
import trio

from ...actors.public import EventLog, Expired
from ...schema.codec import Codec
from ...schema.cursor import Cursor, ResyncReason, StreamResync
from ...schema.settings import Settings
from ..guard.leases import Hold, Lease
from ..http.framing import FrameCache, Framing, SseFraming, WebSocketFraming
from .subscribers import StreamKind, Subscriber, Subscribers

_log = structlog.get_logger("sandbox_agent.transport")

MEMO_BATCHES = 8
"""Full batches that are kept for subscribers at the same position."""


class Readers:
    """One per server. ``stop`` ends every stream as soon as it has sent what its log holds."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._batch_bytes = settings.stream_batch_bytes
        self._keepalive = settings.sse_keepalive or math.inf
        self._encode = codec.encode
        self._memo = FrameCache(MEMO_BATCHES * settings.stream_batch_bytes)
        self._waiting: set[trio.CancelScope] = set()
        self.subscribers = Subscribers()
        self._sse = SseFraming(include_raw=False), SseFraming(include_raw=True)
        self._websocket = WebSocketFraming(include_raw=False), WebSocketFraming(include_raw=True)
        self.stopping = False

    def __repr__(self) -> str:
        state = "stopping" if self.stopping else "open"
        return f"<Readers {state}, {len(self._waiting)} waiting, {self._memo!r}>"

    def sse(self, include_raw: bool | None) -> Framing:
        return self._sse[bool(include_raw)]

    def websocket(self, include_raw: bool | None) -> Framing:
        return self._websocket[bool(include_raw)]

    def stop(self) -> None:
        self.stopping = True
        for scope in self._waiting:
            scope.cancel()

    def ended(self, log: EventLog) -> bool:
        """Nothing more will be sent from ``log``."""
        return log.closed or self.stopping

    async def follow(
        self, log: EventLog, cursor: Cursor, framing: Framing, kind: StreamKind = "sse", hold: Hold | None = None
    ) -> AsyncGenerator[bytes]:
        """Every event after ``cursor``, in chunks of whole frames, until the log is closed, the server stops, or the
        lease of ``hold`` is over, which a last frame tells.

        A cursor that does not continue here gets a ``stream.resync`` frame and then all that the log still holds.
        """
        after, told = cursor.sequence, 0
        if reason := cursor.resync(log.log_id, log.gone, log.last):
            told = log.gone
            after = log.resume(after if reason == "expired" else 0)
            yield self.resync(log, reason, cursor, after, framing)
        with hold or nullcontext() as lease, self.subscribers.opened(kind, log, after, lease) as subscriber:
            while True:
                if lease is not None and lease.over:
                    yield self.last_frame(log, after, lease, framing)
                    return
                try:
                    chunk, after = await self._memo.take(log, after, self._batch_bytes, framing, told)
                except Expired:  # this reader is so slow that its next events have expired
                    lost, told = Cursor(after, log.log_id), log.gone
                    after = log.resume(after)
                    yield self.resync(log, "expired", lost, after, framing)
                    continue
                if after == log.last:
                    subscriber.fresh_at = trio.current_time()
                if chunk:
                    yield chunk
                    subscriber.cursor = after
                elif self.ended(log):
                    return
                elif not await self.wait_beyond(subscriber, after, framing):
                    yield framing.keepalive

    async def wait_beyond(self, subscriber: Subscriber, after: int, framing: Framing) -> bool:
        """True when there are events after ``after`` or the stream has ended; false when a keep-alive is due."""
        subscriber.waiting = True
        try:
            return await self._wait_beyond(subscriber.log, after, framing, subscriber.lease)
        finally:
            subscriber.waiting = False

    async def _wait_beyond(self, log: EventLog, after: int, framing: Framing, lease: Lease | None) -> bool:
        if lease is not None and lease.over:
            return True
        with trio.move_on_after(self._keepalive if framing.keepalive else math.inf) as scope:
            self._waiting.add(scope)
            if lease is not None:
                lease.waiting.add(scope)
            try:
                await log.wait_beyond(after)
                # Other ready tasks run first: under load a write then carries half as much again, and an idle loop
                # returns at once. (A fixed window of 2 or 5 ms only added its latency.)
                await trio.lowlevel.checkpoint()
            finally:
                self._waiting.discard(scope)
                if lease is not None:
                    lease.waiting.discard(scope)
        return not scope.cancelled_caught or self.stopping or (lease is not None and lease.over is not None)

    def last_frame(self, log: EventLog, after: int, lease: Lease, framing: Framing) -> bytes:
        return framing.note(log.log_id, after, self._encode(lease.last_frame()))

    def resync(
        self, log: EventLog, reason: ResyncReason, cursor: Cursor, resumed_after: int, framing: Framing
    ) -> bytes:
        _log.debug("stream resync", log_id=log.log_id, reason=reason, cursor=str(cursor), resumed_after=resumed_after)
        note = StreamResync("stream.resync", reason, str(cursor), log.log_id, log.first, log.last, resumed_after)
        return framing.note(log.log_id, resumed_after, self._encode(note))
