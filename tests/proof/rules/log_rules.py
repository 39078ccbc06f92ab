"""Rules for one session's log: promises 1, 7 and 8."""

from collections.abc import Iterator, Sequence

from .history import Event


def said(event: Event) -> str:
    """An event as one short line, for transcripts."""
    data = event["data"]
    match event["type"]:
        case "item.started" | "item.completed":
            item = data["item"]
            return f"{event['type']} {item['kind']} {item['role']} {item['status']}"
        case "item.delta":
            return f"item.delta {data['delta'][:40]}"
        case "error":
            return f"error {data['code']}"
        case "permission.requested" | "permission.resolved":
            return f"{event['type']} {data['permission_id']} {data['status']}"
        case "question.requested" | "question.resolved":
            return f"{event['type']} {data['question_id']} {data['status']}"
        case "turn.ended":
            return f"turn.ended {data['metadata']['outcome']}"
        case "session.ended":
            return f"session.ended {data['reason']} {data['terminated_by']}"
        case other:
            return other


def broken_in_log(events: Sequence[Event], *, over: bool = False) -> Iterator[str]:
    """The promises that a whole log breaks. With ``over`` the log is complete: nothing may be open at its end."""
    sequences = [event["sequence"] for event in events]
    if sequences != list(range(1, len(events) + 1)):
        yield f"1: the sequences are not 1 to {len(events)}: {sequences}"
    reader = _Reader()
    for event in events:
        for complaint in reader.read(event):
            yield f"{complaint}, at {event['sequence']} {said(event)}"
    if over and reader.turn is not None:
        yield f"7: {reader.turn} never ended"
    if reader.turn is None and reader.items:
        yield f"7: items are open outside a turn: {sorted(reader.items)}"
    if over and reader.approvals:
        yield f"8: never resolved: {sorted(reader.approvals)}"


def approval_id(event: Event) -> str:
    data = event["data"]
    return data["permission_id"] if event["type"].startswith("permission") else data["question_id"]


class _Reader:
    """Follows a log. Each message begins with the number of the broken promise."""

    def __init__(self) -> None:
        self.turn: str | None = None
        self.turns: set[str] = set()
        self.items: set[str] = set()
        self.given: set[str] = set()
        self.approvals: set[str] = set()
        self.asked: set[str] = set()
        self.ended = False

    def read(self, event: Event) -> Iterator[str]:
        if self.ended:
            yield "7: an event after session.ended"
        if event["synthetic"] != (event["source"] == "daemon"):
            yield "7: an event that is synthetic and the agent's, or neither"
        data = event["data"]
        match event["type"]:
            case "turn.started":
                yield from self._turn_started(data["turn_id"])
            case "turn.ended":
                yield from self._turn_ended(data["turn_id"])
                yield from _reason(data.get("metadata", {}))  # it is gone when it was too deep for an event
            case "item.started":
                yield from self._item_started(data["item"]["item_id"])
            case "item.delta":
                if data["item_id"] not in self.items:
                    yield "7: a delta of an item that is not open"
            case "item.completed":
                if data["item"]["item_id"] not in self.items:
                    yield "7: an item completed that is not open"
                self.items.discard(data["item"]["item_id"])
            case "permission.requested" | "question.requested":
                if approval_id(event) in self.asked:
                    yield "8: asked twice"
                self.approvals.add(approval_id(event))
                self.asked.add(approval_id(event))
            case "permission.resolved" | "question.resolved":
                if approval_id(event) not in self.approvals:
                    yield "8: resolved, and not open"
                self.approvals.discard(approval_id(event))
            case "session.ended":
                yield from self._session_ended()
            case _:
                pass

    def _turn_started(self, turn: str) -> Iterator[str]:
        if self.turn is not None:
            yield f"7: {turn} started in {self.turn}"
        if turn in self.turns:
            yield f"7: {turn} started twice"
        self.turn = turn
        self.turns.add(turn)

    def _item_started(self, item: str) -> Iterator[str]:
        if item in self.items:
            yield f"7: {item} started twice"
        elif item in self.given:
            yield f"7: {item} is the id of two items"
        self.items.add(item)
        self.given.add(item)

    def _turn_ended(self, turn: str) -> Iterator[str]:
        if self.turn != turn:
            yield f"7: {turn} ended, and is not the running one"
        if self.items:
            yield f"7: items are open at the end of {turn}: {sorted(self.items)}"
        self.turn = None
        self.items.clear()

    def _session_ended(self) -> Iterator[str]:
        if self.turn is not None:
            yield f"7: the session ended in {self.turn}"
        if self.approvals:
            yield f"8: open when the session ended: {sorted(self.approvals)}"
        self.ended = True


def _reason(metadata: dict[str, object]) -> Iterator[str]:
    match metadata:
        case {"outcome": "failed", "error": {"code": str(), "message": str()}}:
            pass
        case {"outcome": "failed"}:
            yield "7: a turn failed, and its end does not say why"
        case {"error": _}:
            yield "7: a turn that did not fail ends with an error"
        case _:
            pass
