"""What a subscriber received, taken apart: every event, each once, in order; and how late each was."""

import json
import re
from bisect import bisect_left
from itertools import accumulate

from .readers import Subscriber

_STAMP = re.compile(rb'"delta":"t=(\d+) ')


class Lost(AssertionError):
    """The server's fault: an event is missing, doubled or out of order."""


def payloads(subscriber: Subscriber) -> list[bytes]:
    """The JSON of each event."""
    head, _, body = subscriber.body().partition(b"\r\n\r\n")
    if subscriber.websocket:
        return _frames(body)
    if b"chunked" in head.lower():
        body = _dechunk(body)
    return [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]


def _dechunk(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:end], 16)
        parts.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
        if at >= len(body):
            break
    return b"".join(parts)


def _frames(body: bytes) -> list[bytes]:
    frames: list[bytes] = []
    at = 0
    while at + 2 <= len(body):
        control = body[at] & 0x08
        size, at = body[at + 1] & 0x7F, at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(body[at : at + width], "big"), at + width
        if not control:
            frames.append(body[at : at + size])
        at += size
    return frames


def check_complete(subscriber: Subscriber, deltas: int) -> int:
    """Raises :class:`Lost`; returns how many events came."""
    events = [json.loads(payload) for payload in payloads(subscriber)]
    sequences = [event["sequence"] for event in events]
    if sequences != list(range(1, len(events) + 1)):
        gap = next((n for n, s in enumerate(sequences, 1) if n != s), len(sequences))
        raise Lost(f"{subscriber.session_id}: expected event {gap}, got {sequences[gap - 1 : gap + 2]}")
    got = sum(event["type"] == "item.delta" for event in events)
    if got != deltas:
        raise Lost(f"{subscriber.session_id}: {got} deltas instead of {deltas}")
    return len(events)


def latencies_ms(subscriber: Subscriber) -> list[float]:
    """From mock's write to the arrival of the piece in which the event stood, in milliseconds."""
    ends = list(accumulate(map(len, subscriber.pieces)))
    return [
        (subscriber.times[bisect_left(ends, match.end())] - int(match[1])) / 1e6
        for match in _STAMP.finditer(subscriber.body())
    ]
