"""The event recorder: turns a session's drafts into events.

It stamps what a dialect cannot know (sequence, time, ids) and keeps the ledger. Events are gathered while a message is
handled, and taken together for the journal; nothing is visible before. When they are taken, secrets are masked; until
then the texts are as the agent wrote them.
"""

from collections.abc import Sequence
from typing import cast

import msgspec
import trio
from attrs import evolve
from msgspec.structs import replace

from ...schema.agents.effects import Draft
from ...schema.agents.ledger import EventDraft, Ledger
from ...schema.codec import Codec
from ...schema.encode import EncodedEvent, EventEncoder, beginning_of, one_line, raw_of
from ...schema.events import (
    ErrorData,
    EventData,
    EventType,
    ItemDeltaData,
    ItemEventData,
    PermissionEventData,
    TurnEventData,
    TurnOutcome,
    UniversalEvent,
)
from ...schema.items import StatusPart
from ...schema.redaction.events import masked_events
from ...schema.redaction.redactor import Redactor
from ...schema.redaction.stream import Stream
from ...schema.settings import MOST_IN_ONE_ROW
from ..journal.event_log import EventLog
from ..journal.interface import SessionRow
from ..kernel.clock import Clock

REPLAY_SLICE = 64 << 10
"""Bytes of log that are replayed before the event loop may run other tasks."""

MASKED_ON_LOOP = 512 << 10
"""Bytes of events up to which secrets are searched in the event loop: a few milliseconds."""

RAW_COPIES = 16 << 10
"""Most bytes of the copies of one raw message together, beside the first: a line may make hundreds of events."""


class EventRecorder:
    def __init__(
        self,
        row: SessionRow,
        log: EventLog,
        codec: Codec,
        clock: Clock,
        redactor: Redactor,
        *,
        max_raw_bytes: int = MOST_IN_ONE_ROW,
    ) -> None:
        """Of a raw message that is longer than ``max_raw_bytes`` only the beginning is kept."""
        self.ledger = Ledger()
        self.sequence = log.last
        self.redactor = redactor
        self._session_id = row.session_id
        self._log = log
        self._codec = codec
        self._clock = clock
        self._max_raw_bytes = max_raw_bytes
        self._encoder = EventEncoder(row.session_id, codec)
        self._encoder.native_session_id = row.native_session_id
        self._unwritten: list[EncodedEvent] = []
        self._masked = 0
        self._doubtful: list[EncodedEvent] = []
        self._streams: dict[str, Stream] = {}
        # The raw message that was kept last: the agent's line, its kept form, its event, and the number of its copies.
        self._said: bytes | None = None
        self._kept_raw = b""
        self._kept_with = 0
        self._copied = 0

    def __repr__(self) -> str:
        unwritten = len(self._unwritten)
        return f"<EventRecorder {self._session_id} sequence={self.sequence} unwritten={unwritten} {self.ledger!r}>"

    def mask_with(self, redactor: Redactor) -> None:
        """Use this redactor from here on, also for texts that are being streamed."""
        self.redactor = redactor
        for stream in self._streams.values():
            stream.redactor = redactor

    def name(self, native_session_id: str) -> None:
        """From here on events carry the agent's own id of the conversation."""
        self._encoder.native_session_id = native_session_id

    def draft(self, draft: Draft) -> None:
        """Record what the agent did, in the ledger's order."""
        for event in self.ledger.apply(draft):
            self._add(event)

    def end_turn(self, outcome: TurnOutcome, reason: ErrorData | None = None) -> None:
        """Close the turn and its items because the agent no longer can. ``reason`` counts when no error was told."""
        for event in self.ledger.end_turn(outcome, reason):
            self._add(event)

    def note(self, type_: EventType, data: EventData, *, synthetic: bool = True, raw: bytes | None = None) -> None:
        """Record an event that concerns neither a turn nor an item."""
        self._add(EventDraft(type_, data, synthetic, raw, ends_stream=type_ in ("session.ended", "error")))

    def _add(self, event: EventDraft) -> None:
        if event.type == "item.delta":
            self._stream(event, cast("ItemDeltaData", event.data))
            return
        if event.type == "item.completed" and self._streams:
            self._end_of_stream(event)
        self._doubtful.append(self._write_down(event))

    def _stream(self, event: EventDraft, data: ItemDeltaData) -> None:
        """The part of a delta that can be told now: a secret may be split between it and the next one."""
        if (stream := self._streams.get(data.item_id)) is None:
            stream = self._streams[data.item_id] = Stream(self.redactor)
        told = stream.feed(data.delta)
        if told is data.delta:
            self._write_down(event)
        elif told:
            # The raw message contains the whole delta.
            raw = None if stream.changed else event.raw
            self._doubtful.append(self._write_down(replace(event, data=evolve(data, delta=told), raw=raw)))

    def _end_of_stream(self, event: EventDraft) -> None:
        item = cast("ItemEventData", event.data).item
        stream = self._streams.pop(item.item_id, None)
        if stream is not None and (rest := stream.finish()):
            data = ItemDeltaData(item.item_id, item.native_item_id, rest)
            self._doubtful.append(self._write_down(EventDraft("item.delta", data, synthetic=False)))

    def _write_down(self, event: EventDraft) -> EncodedEvent:
        self.sequence += 1
        try:
            encoded = self._encode(event)
        except (RecursionError, UnicodeError, msgspec.MsgspecError):
            # JSON that was just shallow enough to be read may be nested too deeply inside an event.
            encoded = self._encode(replace(event, data=_without_content(event.data), raw=None))
        self._unwritten.append(encoded)
        return encoded

    def _encode(self, event: EventDraft) -> EncodedEvent:
        return self._encoder.encode(
            self.sequence,
            self._clock.stamp(),
            event.type,
            event.data,
            synthetic=event.synthetic,
            raw=None if event.raw is None else self._raw(event.raw),
            ends_stream=event.ends_stream,
        )

    def _raw(self, raw: bytes) -> bytes:
        """All events of one line are drafted with the same bytes object, so identity is enough."""
        if raw is not self._said:
            kept = one_line(raw) if len(raw) <= self._max_raw_bytes else beginning_of(raw)
            self._said, self._kept_raw, self._kept_with, self._copied = raw, kept, self.sequence, 0
            return kept
        self._copied += len(self._kept_raw)
        return self._kept_raw if self._copied <= RAW_COPIES else raw_of(self._kept_with, len(raw))

    def take(self) -> Sequence[EncodedEvent]:
        """The events since the last call, masked."""
        events, doubtful, masked = self._unwritten, self._doubtful, self._masked
        self._unwritten, self._doubtful, self._masked = [], [], 0
        self._said = None
        done = masked_events(self.redactor, events[masked:] if masked else events, doubtful)
        return [*events[:masked], *done] if masked else done

    async def mask_large(self) -> None:
        """Mask the gathered events, in a thread when there is so much that the event loop would wait. The session
        awaits it before :meth:`take`."""
        waiting = self._unwritten[self._masked :]
        if sum(event.size for event in waiting) < MASKED_ON_LOOP:
            return
        try:
            masked = await trio.to_thread.run_sync(masked_events, self.redactor, waiting, self._doubtful)
        except RuntimeError:  # no thread can be started: then it takes its time here
            return
        self._unwritten[self._masked :] = masked
        self._masked, self._doubtful = len(self._unwritten), []

    async def restore(self, row: SessionRow) -> None:
        """Bring the ledger to the end of the log. Everything before ``row.settled`` is closed and need not be read."""
        self.sequence = self._log.last
        self._encoder.native_session_id = row.native_session_id
        self.ledger.resume(row.turns, row.items)
        after = max(row.settled, self._log.gone)
        while after < self._log.last:
            batch = await self._log.read(after, REPLAY_SLICE, raw=False)
            for encoded in batch.events:
                self.ledger.observe(self._codec.decode(encoded.plain, UniversalEvent))
            after = batch.last
            await trio.lowlevel.checkpoint()


def _without_content(data: EventData) -> EventData:
    """The same event, without the members that an agent may nest without a bound."""
    match data:
        case ItemEventData(item=item):
            return ItemEventData(evolve(item, content=(StatusPart("content.unencodable", "nested too deep"),)))
        case PermissionEventData():
            return evolve(data, metadata=None)
        case TurnEventData():
            return evolve(data, metadata=None)
        case ErrorData():
            return evolve(data, details=None)
        case _:
            return data
