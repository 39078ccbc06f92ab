"""Handlers that answer with events: a page, or a stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from ...actors.public import EventLog
from ...schema.api.commands import Receipt
from ...schema.api.queries import EventsQuery, StreamQuery
from ...schema.cursor import Cursor
from ..subscriptions.subscribers import StreamKind
from ..subscriptions.turn_stream import follow_turn
from .call import Call, Stream, headers_of


async def get_events(call: Call) -> Stream:
    query: EventsQuery = call.query
    log = await call.daemon.log(call.session_id)
    size = call.daemon.settings.stream_batch_bytes
    chunks = page(log, query.offset or 0, query.limit, include_raw=bool(query.include_raw), batch_bytes=size)
    return Stream(until_over(call, chunks))


async def get_events_sse(call: Call) -> Stream:
    log = await call.daemon.log(call.session_id)
    return _follow(call, log, Cursor(0), "sse")


async def get_all_events_sse(call: Call) -> Stream:
    """Starts live: a dashboard lists the sessions first, and continues from the ``cursor`` of that list."""
    return _follow(call, call.daemon.feed, Cursor(call.daemon.feed.last, call.daemon.feed.log_id), "all")


async def post_message_stream(call: Call) -> Stream:
    """Repeated with the same key it streams the same turn again, from the log."""
    log = await call.daemon.log(call.session_id)
    answer = await call.execute()
    receipt: Receipt = answer.result
    framing = call.readers.sse(call.query.include_raw)
    batch_bytes = call.daemon.settings.stream_batch_bytes
    turn = follow_turn(call.readers, log, receipt.after, receipt.turn_id, framing, batch_bytes, call.hold())
    return Stream(turn, headers_of(answer))


def start_of(call: Call, default: Cursor) -> Cursor:
    """Last-Event-ID goes before ``offset``: an EventSource that reconnects repeats its URL, and adds the header."""
    query: StreamQuery = call.query
    if call.last_event_id:
        return Cursor.parse(call.last_event_id, "header Last-Event-ID")
    return query.offset or default


def _follow(call: Call, log: EventLog, default: Cursor, kind: StreamKind) -> Stream:
    framing = call.readers.sse(call.query.include_raw)
    return Stream(call.readers.follow(log, start_of(call, default), framing, kind, call.hold()))


class Revoked(Exception):
    """The token of an answer holds no more. What is left of the answer is not sent, and its client sees that it broke
    off."""


async def until_over(call: Call, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Raises :class:`Revoked`."""
    with call.hold() as lease:
        async with aclosing(chunks):
            async for chunk in chunks:
                if lease is not None and lease.over:
                    raise Revoked(lease.over)
                yield chunk


async def page(
    log: EventLog, offset: int, limit: int | None, *, include_raw: bool, batch_bytes: int
) -> AsyncGenerator[bytes]:
    """An EventsResponse made of bytes that were encoded when the events happened, read as the client takes them.

    Raises :class:`.Expired` when events are dropped that were still to be sent. That breaks the answer off, and the
    client sees it: an answer with a hole in it would not show.
    """
    end = log.last
    after = max(offset, log.gone)
    left = end if limit is None else limit
    separator = b""
    yield b'{"events":['
    while after < end and left > 0:
        batch = await log.read(after, batch_bytes, raw=include_raw)
        events = batch.events[: min(left, end - after)]
        after += len(events)
        left -= len(events)
        yield separator + b",".join([event.full if include_raw else event.plain for event in events])
        separator = b","
    yield b'],"hasMore":%b}' % (b"true" if after < end else b"false")
