"""A journal with many sessions and events, written through the real store, so that it is as a daemon leaves it."""

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.journal.row_codec import RowCodec, Segment
from sandbox_agent.actors.journal.sqlite import SqliteStore, Written
from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.sessions.event_recorder import EventRecorder
from sandbox_agent.schema.agents.effects import ItemCompleted, ItemDelta, ItemStarted, TurnEnded, TurnStarted
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.items import TextPart
from sandbox_agent.schema.redaction.redactor import Redactor

DELTAS = 46
"""Of one turn, which is fifty events with what surrounds them."""

SIZES = (20, 60, 140, 240)
"""Characters of the deltas: events of 300 to 600 bytes."""

TOGETHER = 5
"""Events that were written together, about as many of a model's tokens as come at a time."""


def write_journal(directory: Path, sessions: int, events: int, interrupted: int) -> None:
    """``events`` in each session; every ``interrupted``-th session stopped in the middle of a turn."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = SqliteStore.open(directory / FILE, RowCodec())
    codec, clock = Codec(), Clock()
    try:
        position = 0
        for number in range(1, sessions + 1):
            request = CreateSessionRequest(agent="mock", agent_mode="build", permission_mode="default")
            row = SessionRow(f"s{number}", f"{number:012x}", request, str(directory), clock.now_ms())
            written, left = _session(
                EventRecorder(row, EventLog(row.log_id, 0), codec, clock, Redactor()),
                row,
                events,
                number % interrupted == 0,
            )
            with store.transaction():
                store.rows.create(number, row)
                store.rows.update(number, row, left)
                for first in range(0, len(written), TOGETHER):
                    together = written[first : first + TOGETHER]
                    store.append(number, _placed(position + 1, together), clock.now_ms())
                    position += len(together)
    finally:
        store.close()


def _placed(position: int, events: Sequence[EncodedEvent]) -> Written:
    segment = Segment.pack(events)
    return Written(position, events[0].sequence, len(events), len(segment.heads) + len(segment.raws or b""), segment)


def _session(
    recorder: EventRecorder, row: SessionRow, events: int, interrupted: bool
) -> tuple[Sequence[EncodedEvent], SessionRow]:
    """Its events, and how its row was left."""
    ledger = recorder.ledger
    settled, items = 0, 0
    for turn in range(1, events // (DELTAS + 4) + 1):
        item = f"item_{turn}"
        ledger.assign_turn(ledger.reserve_turn())
        recorder.draft(TurnStarted())
        recorder.draft(ItemStarted(item, "message", "assistant"))
        for delta in range(DELTAS):
            text = f"{delta} ".ljust(SIZES[delta % len(SIZES)], ".")
            recorder.draft(ItemDelta(item, text, raw=b'{"type":"delta","id":"%b"}' % item.encode()))
        if interrupted and turn == events // (DELTAS + 4):
            break
        recorder.draft(ItemCompleted(item, "message", "assistant", (TextPart("done"),)))
        recorder.draft(TurnEnded())
        settled, items = recorder.sequence, ledger.items
    left = evolve(row, native_session_id="mock", prompts=ledger.turns, turns=ledger.turns, settled=settled, items=items)
    return recorder.take(), left
