"""A subscriber in a process of its own, which keeps nothing: for streams of a million events."""

import multiprocessing
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import httpx
from attrs import frozen

from .checks import Lost
from .readers import LAST, subscribe
from .servers import Server

_SEQUENCE = re.compile(rb'"evt_\d+","sequence":(\d+),')
OVERLAP = 256
"""Bytes at the end of a piece in which something may have begun that ends in the next."""


@frozen
class Drained:
    """``seconds`` from the request until ``events``, which were all that there were."""

    events: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


def drain(server: Server, session_id: str, bytes_per_second: int = 0, events: int = 0) -> Drained:
    """Read a session's stream from its beginning to the end of its turn, or ``events`` of it, as fast as it comes
    unless ``bytes_per_second`` says how fast. Raises :class:`.Lost` when an event is missing or out of order."""
    began = time.monotonic()
    subscriber = subscribe(server, session_id, websocket=False, receive_buffer=1 << 16 if bytes_per_second else 0)
    data, last, taken = subscriber.body(), 0, 0
    while True:
        for found in _SEQUENCE.finditer(data):
            number = int(found[1])
            if number == last:  # it stood in the overlap
                continue
            if number != last + 1:
                raise Lost(f"{session_id}: event {number} follows {last}")
            last = number
        if LAST in data or (events and last >= events):
            return Drained(last, time.monotonic() - began)
        piece = subscriber.sock.recv(1 << 18)
        if not piece:
            raise Lost(f"the stream of {session_id} broke off after event {last}")
        data = data[-OVERLAP:] + piece
        taken += len(piece)
        if bytes_per_second:
            time.sleep(max(0.0, taken / bytes_per_second - (time.monotonic() - began)))


@contextmanager
def draining(
    server: Server, session_id: str, bytes_per_second: int = 0, events: int = 0
) -> Generator[Callable[[], Drained]]:
    """:func:`drain` in another process meanwhile; what is yielded waits for what it says."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply_async(_drain, (server.streams, server.token, session_id, bytes_per_second, events))
        yield lambda: Drained(*result.get())


def _drain(
    streams: tuple[str, int], token: str, session_id: str, bytes_per_second: int, events: int
) -> tuple[int, float]:
    with httpx.Client() as unused:
        found = drain(Server(unused, streams, token, 0), session_id, bytes_per_second, events)
    return found.events, found.seconds
