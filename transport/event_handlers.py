"""Handlers that answer with events: a page, or a stream."""

from collections.abc import AsyncGenerator

import trio

from ..actors.log import Expired, Log
from ..schema.cursor import Cursor
from ..schema.encode import EncodedEvent
from ..schema.queries import EventsQuery, StreamQuery
from .call import Call, Stream
from .turn_stream import follow_turn


async def get_events(call: Call) -> Stream:
    query: EventsQuery = call.query
    log = await call.daemon.log(call.session_id)
    events, more = await collect(log, query.offset or 0, query.limit, call.daemon.settings.stream_batch_bytes)
    return Stream(page(events, more, include_raw=bool(query.include_raw)))


async def get_events_sse(call: Call) -> Stream:
    log = await call.daemon.log(call.session_id)
    return _follow(call, log, Cursor(0))


async def get_all_events_sse(call: Call) -> Stream:
    """Starts live: a dashboard lists the sessions first, and continues from the ``cursor`` of that list."""
    return _follow(call, call.daemon.feed, Cursor(call.daemon.feed.last, call.daemon.feed.log_id))


async def post_message_stream(call: Call) -> Stream:
    log = await call.daemon.log(call.session_id)
    receipt = await call.daemon.send(call.session_id, call.body)
    framing = call.readers.sse(call.query.include_raw)
    batch_bytes = call.daemon.settings.stream_batch_bytes
    return Stream(follow_turn(call.readers, log, receipt.after, receipt.turn_id, framing, batch_bytes))


def start_of(call: Call, default: Cursor) -> Cursor:
    """Last-Event-ID goes before ``offset``: an EventSource that reconnects repeats its URL, and adds the header."""
    query: StreamQuery = call.query
    if call.last_event_id:
        return Cursor.parse(call.last_event_id, "header Last-Event-ID")
    return query.offset or default


def _follow(call: Call, log: Log, default: Cursor) -> Stream:
    return Stream(call.readers.follow(log, start_of(call, default), call.readers.sse(call.query.include_raw)))


async def collect(log: Log, offset: int, limit: int | None, page_bytes: int) -> tuple[list[EncodedEvent], bool]:
    """The events after ``offset`` that the log holds now, and whether ``limit`` cut something off.

    All are collected before the first is sent: the log may drop its oldest while a slow client reads, and an answer
    with a hole in it would not show. They are references; the bytes are the log's.
    """
    end = log.last
    wanted = end if limit is None else limit
    after = max(offset, log.first - 1)
    found: list[EncodedEvent] = []
    while after < end and len(found) < wanted:
        try:
            batch = log.read(after, page_bytes)
        except Expired:
            found.clear()
            after = log.first - 1
            continue
        found += batch.events
        after = batch.last
        await trio.lowlevel.checkpoint()
    reached = after - max(len(found) - wanted, 0)
    return found[:wanted], reached < end


async def page(events: list[EncodedEvent], more: bool, *, include_raw: bool, count: int = 200) -> AsyncGenerator[bytes]:
    """An EventsResponse made of bytes that were encoded when the events happened."""
    yield b'{"events":['
    for start in range(0, len(events), count):
        part = [event.full if include_raw else event.plain for event in events[start : start + count]]
        yield (b"," if start else b"") + b",".join(part)
    yield b'],"hasMore":%b}' % (b"true" if more else b"false")
