"""Framing: how an encoded event becomes bytes on a stream. The event's JSON is shared; only the frame differs."""

from typing import Protocol

from ...actors.public import Batch, EventLog
from ...schema.encode import NO_RAW


class Framing(Protocol):
    """``keepalive`` is sent after silence; empty when the protocol has its own keep-alive."""

    include_raw: bool
    keepalive: bytes

    def events(self, log_id: str, batch: Batch) -> bytes:
        """The frames of a batch of the log."""
        ...

    def note(self, log_id: str, position: int, json: bytes) -> bytes:
        """The frame of JSON that is not an event; a reader that returns with its id continues after ``position``."""
        ...


SSE_COMMENT = b": keep-alive\n\n"


class SseFraming:
    """Server-sent events: no ``event:`` name, so that a plain ``onmessage`` gets everything, as on wire 0.1."""

    keepalive = SSE_COMMENT

    def __init__(self, *, include_raw: bool) -> None:
        self.include_raw = include_raw

    def __repr__(self) -> str:
        return f"<SseFraming {'full' if self.include_raw else 'plain'}>"

    def events(self, log_id: str, batch: Batch) -> bytes:
        frame = b"id: " + log_id.encode() + b":%d\ndata: %b"
        placed = zip(batch.positions, batch.events, strict=True)
        if self.include_raw:
            frame += b"\n\n"
            return b"".join([frame % (position, event.full) for position, event in placed])
        # As :attr:`.EncodedEvent.plain`, copied once less.
        frame += NO_RAW + b"\n\n"
        return b"".join([frame % (position, event.head) for position, event in placed])

    def note(self, log_id: str, position: int, json: bytes) -> bytes:
        return b"id: %b:%d\ndata: %b\n\n" % (log_id.encode(), position, json)


class SocketFrames(bytes):
    """Whole WebSocket frames, ready for the wire. :class:`~.streams.SocketStream` writes them as they are."""

    __slots__ = ()


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 1 << 16:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


class WebSocketFraming:
    """One text frame per event. A send per event through wsproto was measured at 10,000 events/s in all; frames that
    are made once and written many at a time go forty times as fast."""

    keepalive = b""

    def __init__(self, *, include_raw: bool) -> None:
        self.include_raw = include_raw

    def __repr__(self) -> str:
        return f"<WebSocketFraming {'full' if self.include_raw else 'plain'}>"

    def events(self, log_id: str, batch: Batch) -> bytes:
        if self.include_raw:
            return SocketFrames(b"".join([text_frame(event.full) for event in batch.events]))
        return SocketFrames(b"".join([text_frame(event.plain) for event in batch.events]))

    def note(self, log_id: str, position: int, json: bytes) -> bytes:
        return SocketFrames(text_frame(json))


class FrameCache:
    """The latest joined ranges of logs, at most ``max_bytes``. Subscribers that were woken together are at the same
    position, so one of them joins the frames and the others send the same bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._known: dict[tuple[str, Framing, int, int], tuple[bytes, int]] = {}

    def __repr__(self) -> str:
        return f"<FrameCache {len(self._known)} ranges, {self._bytes} of {self._max_bytes} bytes>"

    async def take(self, log: EventLog, after: int, max_bytes: int, framing: Framing, told: int) -> tuple[bytes, int]:
        """The frames of the events of :meth:`.EventLog.read`, and the cursor after them. Raises :class:`.Expired`."""
        if log.last <= after:
            return b"", after
        key = log.log_id, framing, after, log.last
        found = self._known.get(key)
        if found is None:
            batch = await log.read(after, max_bytes, raw=framing.include_raw, told=told)
            found = framing.events(log.log_id, batch) if batch.events else b"", batch.last
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, Framing, int, int], found: tuple[bytes, int]) -> None:
        if key not in self._known:  # two readers from disk may be at the same position
            self._known[key] = found
            self._bytes += len(found[0])
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._known.pop(next(iter(self._known)))[0])
