"""The ledger: turns and items of one session in the order that clients rely on, whatever an agent says.

It allots item and turn ids, and holds these rules for every agent alike (wire 0.1, section 5, and promise 7):

* a completed item that was never started is started first, synthetically; repeated starts and ends are dropped;
* a completed message without a delta gets one synthetic delta with its text, unless it is the user's;
* ``turn.started`` and ``turn.ended`` alternate; an item is closed before its turn is;
* a turn that failed ends with the reason: the first error in it, for what comes later mostly follows from that;
* ids and names of the agent's are bounded, and so are the items that are open and what is kept of them.
"""

from collections.abc import Iterator
from typing import Any, cast

from attrs import define, evolve, field
from msgspec import Struct

from ..bounds import MAX_NAME, MAX_REASON, bounded_id, shortened
from ..encode import json_or_text
from ..events import (
    AgentUnparsedData,
    ErrorData,
    EventData,
    EventType,
    ItemDeltaData,
    ItemEventData,
    SessionEndedData,
    TurnEventData,
    UniversalEvent,
)
from ..items import ContentPart, ItemStatus, TextPart, ToolCallPart, ToolResultPart, UniversalItem
from .effects import (
    Draft,
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    SessionEnded,
    TurnEnded,
    TurnOutcome,
    TurnStarted,
    Unparsed,
)
from .fitting import chars_of, fitted
from .remembered import Remembered

REMEMBERED_ITEMS = 10_000
"""Closed items whose native ids are still known, so that a late repetition is dropped and a parent is found."""

REASON_CHARS = 4096
"""How much of an error's message is told again with the turn that failed for it."""

UNTOLD = ErrorData("the agent did not say why its turn failed", "unknown")

KEPT_DELTA_CHARS = 1 << 18
"""How much streamed text of an open item is kept for the day that the agent dies before it completes the item."""

MOST_OPEN_ITEMS = 1000
"""Items that are open at once: agents have some tens. Of more the oldest is closed, as failed."""

MOST_HELD_CHARS = 1 << 24
"""Characters that are kept of all open items together, the longest line's for one. Of more the oldest is closed."""

TOLD_TWICE_CHARS = 1 << 14
"""Up to so many characters an item that was never started is told whole when it starts, too; of a longer one, its end
alone."""


class EventDraft(Struct, frozen=True):
    """An event that lacks only what the session stamps: sequence, time and ids. As quickly made as a delta."""

    type: EventType
    data: EventData
    synthetic: bool = True
    raw: bytes | None = None
    ends_stream: bool = False


@define
class _OpenItem:
    item: UniversalItem
    has_delta: bool = False
    text: list[str] = field(factory=list[str])
    chars: int = 0
    held: int = 0
    """Characters, of its content and of what it streamed."""

    def add(self, delta: str) -> int:
        """How many characters more it holds now."""
        self.has_delta = True
        if self.chars >= KEPT_DELTA_CHARS:
            return 0
        self.text.append(delta)
        self.chars += len(delta)
        self.held += len(delta)
        return len(delta)

    def content(self) -> tuple[ContentPart, ...]:
        """What is known of the item now. A message is what it streamed, as its readers have put it together; another
        item is what the agent started it with. The result of a call that began with some output goes on with it."""
        streamed = (TextPart("".join(self.text)),) if self.text else ()
        match self.item:
            case UniversalItem(kind="message"):
                return streamed or self.item.content
            case UniversalItem(content=(ToolResultPart(call_id=call_id, output=output),)):
                return (ToolResultPart(call_id, "".join((output, *self.text))),)
            case _:
                return self.item.content or streamed


class Ledger:
    """The state of one session's turn and items. Pure; the session actor stamps what it yields."""

    def __init__(self) -> None:
        self._items = 0
        self._turns = 0
        self._turn: str | None = None
        self._last_turn: str | None = None
        self._reserved: str | None = None
        self._error: ErrorData | None = None
        self._retried: ErrorData | None = None
        self._open: dict[str, _OpenItem] = {}
        self._held = 0
        self._closed = Remembered[str](REMEMBERED_ITEMS)
        # Ids of calls whose items have other names.
        self._calls = Remembered[None](REMEMBERED_ITEMS)

    def __repr__(self) -> str:
        return f"<Ledger turn={self._turn} open_items={len(self._open)} items={self._items} turns={self._turns}>"

    @property
    def turn(self) -> str | None:
        """The id of the open turn."""
        return self._turn

    @property
    def last_turn(self) -> str | None:
        """The id of the turn that started last, open or ended."""
        return self._last_turn

    @property
    def turns(self) -> int:
        """How many turn ids were given out."""
        return self._turns

    @property
    def items(self) -> int:
        """How many item ids were given out."""
        return self._items

    @property
    def at_rest(self) -> bool:
        """No turn and no item is open."""
        return self._turn is None and not self._open

    def knows(self, native_id: str) -> bool:
        """Whether an item, or a tool call, of that name has been told, as far as that is remembered."""
        return self._item_id(native_id) is not None or native_id in self._calls

    def resume(self, turns: int, items: int) -> None:
        """Give out no id again that a former life has given out, also when its turn never started."""
        self._turns = max(self._turns, turns)
        self._items = max(self._items, items)

    def reserve_turn(self) -> str:
        """A turn id for a prompt that is accepted now and taken up later."""
        self._turns += 1
        return f"turn_{self._turns}"

    def assign_turn(self, turn_id: str) -> None:
        """The next turn that starts is the one that this id was reserved for."""
        self._reserved = turn_id

    def apply(self, draft: Draft) -> Iterator[EventDraft]:
        """The events that a draft amounts to; none when it repeats what was said."""
        match draft:
            case ItemDelta():  # nearly all are
                yield from self._delta(draft)
            case TurnStarted():
                yield from self._start_turn(draft)
            case TurnEnded():
                yield from self._end_turn(draft)
            case ItemStarted():
                yield from self._start(draft)
            case ItemCompleted():
                yield from self._complete(draft)
            case Errored():
                data = _named_shortly(draft.data)
                self._note_error(data, retryable=draft.retryable)
                data = _retryable(data) if draft.retryable else data
                yield EventDraft("error", data, draft.synthetic, draft.raw, ends_stream=not draft.retryable)
            case Unparsed():
                data = AgentUnparsedData(shortened(draft.error, MAX_REASON), shortened(draft.location, MAX_NAME))
                yield EventDraft(
                    "agent.unparsed", data, True, json_or_text(draft.raw) if draft.raw is not None else None
                )
            case SessionEnded():
                reason = ErrorData(draft.message, "session_ended") if draft.message else None
                yield from self.end_turn("completed" if draft.reason == "completed" else "failed", reason)
                data = SessionEndedData(draft.reason, "agent", draft.message)
                yield EventDraft("session.ended", data, draft.synthetic, draft.raw, ends_stream=True)

    def end_turn(self, outcome: TurnOutcome, reason: ErrorData | None = None) -> Iterator[EventDraft]:
        """Close whatever is open, because the agent cannot any more. ``reason`` counts when no error was told."""
        if self._turn is not None or self._open:
            yield from self._end_turn(TurnEnded(outcome), reason)

    def _note_error(self, data: ErrorData, *, retryable: bool) -> None:
        if self._turn is not None:
            if retryable:
                self._retried = data
            elif self._error is None:
                self._error = data

    def _start_turn(self, draft: TurnStarted) -> Iterator[EventDraft]:
        if self._turn is None:
            self._turn = self._last_turn = self._reserved or self.reserve_turn()
            self._reserved = self._error = self._retried = None
            data = TurnEventData("started", self._turn, draft.metadata)
            yield EventDraft("turn.started", data, draft.synthetic, draft.raw)

    def _end_turn(self, draft: TurnEnded, reason: ErrorData | None = None) -> Iterator[EventDraft]:
        for native_id, opened in list(self._open.items()):
            status: ItemStatus = "completed" if draft.outcome == "completed" else "failed"
            yield self._close(native_id, opened.content(), status, synthetic=True, raw=None)
        if self._turn is not None:
            metadata: dict[str, Any] = {"outcome": draft.outcome} | draft.metadata
            if draft.outcome == "failed":
                why = self._error or reason or self._retried or UNTOLD
                metadata["error"] = {"code": why.code or UNTOLD.code, "message": why.message[:REASON_CHARS]}
            data = TurnEventData("ended", self._turn, metadata)
            self._turn = None
            yield EventDraft("turn.ended", data, draft.synthetic, draft.raw, ends_stream=True)

    def _start(self, draft: ItemStarted) -> Iterator[EventDraft]:
        native_id = bounded_id(draft.native_id)
        if self._item_id(native_id) is not None:
            return
        self._items += 1
        parent = draft.parent_native_id
        item = UniversalItem(
            item_id=f"itm_{self._items}",
            native_item_id=native_id,
            parent_id=self._item_id(bounded_id(parent)) if parent is not None else None,
            kind=draft.kind,
            role=draft.role,
            content=fitted(draft.content),
            status="in_progress",
        )
        self._open_item(native_id, item)
        yield EventDraft("item.started", ItemEventData(item), draft.synthetic, draft.raw)
        yield from self._close_oldest()

    def _open_item(self, native_id: str, item: UniversalItem) -> None:
        held = chars_of(item.content)
        self._open[native_id] = _OpenItem(item, held=held)
        self._held += held

    def _close_oldest(self) -> Iterator[EventDraft]:
        """Those that are too many. They are as good as left: no agent has so many under way."""
        while len(self._open) > MOST_OPEN_ITEMS or (self._held > MOST_HELD_CHARS and len(self._open) > 1):
            native_id, opened = next(iter(self._open.items()))
            yield self._close(native_id, opened.content(), "failed", synthetic=True, raw=None)

    def _delta(self, draft: ItemDelta) -> Iterator[EventDraft]:
        native_id = draft.native_id
        if (opened := self._open.get(native_id)) is None:
            native_id = bounded_id(native_id)
            if self._item_id(native_id) is None:
                yield from self._start(ItemStarted(native_id, "message", "assistant", synthetic=True))
            if (opened := self._open.get(native_id)) is None:
                return
        self._held += opened.add(draft.delta)
        data = ItemDeltaData(opened.item.item_id, native_id, draft.delta)
        yield EventDraft("item.delta", data, draft.synthetic, draft.raw)
        if self._held > MOST_HELD_CHARS:
            yield from self._close_oldest()

    def _complete(self, draft: ItemCompleted) -> Iterator[EventDraft]:
        native_id, content = bounded_id(draft.native_id), fitted(draft.content)
        if self._item_id(native_id) is None:
            shown = content if chars_of(content) <= TOLD_TWICE_CHARS else ()
            start = ItemStarted(native_id, draft.kind, draft.role, shown, draft.parent_native_id, synthetic=True)
            yield from self._start(start)
        if (opened := self._open.get(native_id)) is None:
            return
        if draft.kind == "message" and draft.role != "user" and not opened.has_delta:
            text = "\n".join(part.text for part in content if isinstance(part, TextPart))
            if text:
                # Not kept: all of it is told right after.
                yield EventDraft("item.delta", ItemDeltaData(opened.item.item_id, native_id, text), synthetic=True)
        status: ItemStatus = "failed" if draft.failed else "completed"
        opened.item = UniversalItem(
            opened.item.item_id, native_id, opened.item.parent_id, draft.kind, draft.role, content, status
        )
        yield self._close(native_id, content, status, draft.synthetic, draft.raw)

    def _close(
        self,
        native_id: str,
        content: tuple[ContentPart, ...],
        status: ItemStatus,
        synthetic: bool,
        raw: bytes | None,
    ) -> EventDraft:
        opened = self._open.pop(native_id)
        self._held -= opened.held
        old = opened.item
        self._remember(native_id, old.item_id, content)
        item = UniversalItem(old.item_id, old.native_item_id, old.parent_id, old.kind, old.role, content, status)
        return EventDraft("item.completed", ItemEventData(item), synthetic, raw)

    def _item_id(self, native_id: str) -> str | None:
        opened = self._open.get(native_id)
        return opened.item.item_id if opened is not None else self._closed.get(native_id)

    def _remember(self, native_id: str, item_id: str, content: tuple[ContentPart, ...]) -> None:
        self._closed.put(native_id, item_id)
        for part in content:
            if isinstance(part, ToolCallPart) and part.call_id != native_id:
                self._calls.put(part.call_id, None)

    def observe(self, event: UniversalEvent) -> None:
        """Bring the ledger to where a logged event left it: a session that starts again replays its log first.

        The log may have lost its beginning, so an item may be met in its middle. Ids go on after the highest seen.
        """
        match event.data:
            case TurnEventData(phase="started", turn_id=turn_id):
                self._turn = self._last_turn = turn_id
                self._error = self._retried = None
                self._turns = max(self._turns, _number(turn_id))
            case ErrorData(details=details) as data:
                told: Any = details
                self._note_error(data, retryable=isinstance(told, dict) and cast("Any", told).get("retryable") is True)
            case TurnEventData(turn_id=turn_id):
                self._turn, self._last_turn = None, turn_id
                self._turns = max(self._turns, _number(turn_id))
            case ItemEventData(item=item):
                native_id = item.native_item_id or item.item_id
                self._items = max(self._items, _number(item.item_id))
                if event.type == "item.started":
                    self._open_item(native_id, item)
                else:
                    if (opened := self._open.pop(native_id, None)) is not None:
                        self._held -= opened.held
                    self._remember(native_id, item.item_id, item.content)
            case ItemDeltaData(item_id=item_id, native_item_id=native_id, delta=delta):
                self._items = max(self._items, _number(item_id))
                self._observe_delta(native_id or item_id, item_id, delta)
            case _:
                pass

    def _observe_delta(self, native_id: str, item_id: str, delta: str) -> None:
        if native_id not in self._open:  # its start has expired; only messages stream that long
            item = UniversalItem(item_id, native_id, None, "message", "assistant", (), "in_progress")
            self._open_item(native_id, item)
        self._held += self._open[native_id].add(delta)


def _retryable(data: ErrorData) -> ErrorData:
    """Says so on the wire, where a reader of the turn decides whether to go on reading."""
    details: Any = data.details
    known = cast("dict[str, Any]", details) if isinstance(details, dict) else {"detail": details} if details else {}
    return ErrorData(data.message, data.code, {**known, "retryable": True})


def _named_shortly(data: ErrorData) -> ErrorData:
    """The same error unless its code, which a turn that fails for it repeats, is no name."""
    return (
        data if data.code is None or len(data.code) <= MAX_NAME else evolve(data, code=shortened(data.code, MAX_NAME))
    )


def _number(numbered_id: str | None) -> int:
    """7 of ``itm_7``."""
    digits = (numbered_id or "").rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0
