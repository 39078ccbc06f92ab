"""Commands for load tests: many deltas at once, and deltas at a steady rate that carry the time of their write."""

import math
from time import monotonic, monotonic_ns

from .lines import completed, started, text
from .steps import Pause, Script

CHUNK_BYTES = 1 << 18
"""Bytes of one write, about: a write per line would cost more than building the line."""

FILL = b"."


def burst(prefix: str, rest: str) -> Script:
    count, size = (int(word) for word in rest.split())
    if count < 0 or size < 1:
        raise ValueError("COUNT must not be negative, BYTES must be positive")
    return _burst(f"{prefix}_burst", count, size)


def _burst(item_id: str, count: int, size: int) -> Script:
    """Each delta begins with its number from 0, cut or filled to ``size`` characters, so that its order shows."""
    head, tail = b'{"type":"delta","id":"%b","text":"' % item_id.encode(), b'"}\n'
    per_chunk = max(1, CHUNK_BYTES // (len(head) + size + len(tail)))
    yield started(item_id, "message", "assistant")
    for first in range(0, count, per_chunk):
        numbers = range(first, min(first + per_chunk, count))
        yield b"".join([head + (b"%d " % n).ljust(size, FILL)[:size] + tail for n in numbers])
    yield completed(item_id, "message", "assistant", text(f"{count} deltas of {size} characters"))
    return None


def pace(prefix: str, rest: str) -> Script:
    words = rest.split()
    if len(words) != 3:
        raise ValueError("three numbers")
    count, rate, size = int(words[0]), float(words[1]), int(words[2])
    if count < 0 or not 0 < rate < math.inf:
        raise ValueError("COUNT must not be negative, PER_SECOND must be positive")
    return _pace(f"{prefix}_pace", count, rate, size)


def _pace(item_id: str, count: int, rate: float, size: int) -> Script:
    """Each delta begins with ``t=<CLOCK_MONOTONIC in ns> `` and is filled to ``size`` characters, never cut. The
    schedule is absolute: a delay does not shift later deltas, and overdue ones are written at once."""
    head, tail = b'{"type":"delta","id":"%b","text":"' % item_id.encode(), b'"}\n'
    per_write = max(1, CHUNK_BYTES // (len(head) + size + len(tail)))
    yield started(item_id, "message", "assistant")
    start = monotonic()
    sent = 0
    while sent < count:
        due = min(count, sent + per_write, int((monotonic() - start) * rate) + 1)
        if due > sent:
            stamp = (b"t=%d " % monotonic_ns()).ljust(size, FILL)
            yield (head + stamp + tail) * (due - sent)
            sent = due
        yield Pause(max(0.0, start + sent / rate - monotonic()))
    yield completed(item_id, "message", "assistant", text(f"{count} deltas at {rate:g} per second"))
    return None
