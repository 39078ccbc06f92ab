"""The scribe: turns what a session has to tell into events, and gives them to the journal.

It stamps what a dialect cannot know (sequence, time, ids) and keeps the ledger. Events are gathered while a message is
handled and written in one go by :meth:`flush`; nothing is visible before.
"""

import msgspec
import trio
from attrs import evolve

from ..schema.agents.effects import Draft, TurnOutcome
from ..schema.agents.ledger import EventDraft, Ledger
from ..schema.codec import Codec
from ..schema.encode import EncodedEvent, EventEncoder, one_line
from ..schema.events import (
    ErrorData,
    EventData,
    EventType,
    ItemEventData,
    PermissionEventData,
    QuestionEventData,
    TurnEventData,
    UniversalEvent,
)
from ..schema.items import StatusPart
from .clock import Clock
from .journal import Journal, SessionRow
from .log import Log

REPLAY_SLICE = 64 << 10
"""Bytes of log that are replayed before the event loop gets its turn."""

AskData = PermissionEventData | QuestionEventData


class Scribe:
    def __init__(self, row: SessionRow, log: Log, journal: Journal, codec: Codec, clock: Clock) -> None:
        self.ledger = Ledger()
        self._session_id = row.session_id
        self._log = log
        self._journal = journal
        self._codec = codec
        self._clock = clock
        self._encoder = EventEncoder(row.session_id, codec)
        self._encoder.native_session_id = row.native_session_id
        self._sequence = log.last
        self._unwritten: list[EncodedEvent] = []

    def __repr__(self) -> str:
        return f"<Scribe {self._session_id} sequence={self._sequence} unwritten={len(self._unwritten)} {self.ledger!r}>"

    def name(self, native_session_id: str) -> None:
        """From here on events carry the agent's own id of the conversation."""
        self._encoder.native_session_id = native_session_id

    def draft(self, draft: Draft) -> None:
        """What the agent did, in the ledger's order."""
        for event in self.ledger.apply(draft):
            self._add(event)

    def end_turn(self, outcome: TurnOutcome) -> None:
        """Close the turn and its items because the agent cannot any more."""
        for event in self.ledger.end_turn(outcome):
            self._add(event)

    def note(self, type_: EventType, data: EventData, *, synthetic: bool = True, raw: bytes | None = None) -> None:
        """An event that is neither turn nor item."""
        self._add(EventDraft(type_, data, synthetic, raw, ends_stream=type_ in ("session.ended", "error")))

    def _add(self, event: EventDraft) -> None:
        self._sequence += 1
        try:
            encoded = self._encode(event)
        except (RecursionError, UnicodeError, msgspec.MsgspecError):
            # JSON that was just shallow enough to be read may be too deep to be written inside an event.
            encoded = self._encode(evolve(event, data=_without_content(event.data), raw=None))
        self._unwritten.append(encoded)

    def _encode(self, event: EventDraft) -> EncodedEvent:
        return self._encoder.encode(
            self._sequence,
            self._clock.stamp(),
            event.type,
            event.data,
            synthetic=event.synthetic,
            raw=one_line(event.raw) if event.raw is not None else None,
            ends_stream=event.ends_stream,
        )

    async def flush(self) -> None:
        """Make what was gathered durable, then visible."""
        if self._unwritten:
            events, self._unwritten = self._unwritten, []
            await self._journal.append(self._session_id, events)

    async def restore(self) -> list[AskData]:
        """Bring the ledger to where the log ends; returns the asks that nobody has resolved."""
        asks: dict[str, AskData] = {}
        after = self._log.first - 1
        while batch := self._log.read(after, REPLAY_SLICE).events:
            for encoded in batch:
                self._replay(encoded, asks)
            after += len(batch)
            await trio.lowlevel.checkpoint()
        return list(asks.values())

    def _replay(self, encoded: EncodedEvent, asks: dict[str, AskData]) -> None:
        event = self._codec.decode(encoded.plain, UniversalEvent)
        self.ledger.observe(event)
        match event.data:
            case PermissionEventData(permission_id=ask_id) | QuestionEventData(question_id=ask_id):
                if event.data.status == "requested":
                    asks[ask_id] = event.data
                else:
                    asks.pop(ask_id, None)
            case _:
                pass


def _without_content(data: EventData) -> EventData:
    """The same event, less what an agent may nest without bound."""
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
