"""The shape of a transcript: what came in which order, without the words, and without what agents say in passing."""

from collections.abc import Iterator, Sequence

from ..daemon import Event


def shape(events: Sequence[Event]) -> list[str]:
    """An item stands where it was completed, its deltas with it. Status items are an agent's own."""
    return list(_lines(events))


def _lines(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        data = event["data"]
        match event["type"]:
            case "session.started" | "item.started" | "item.delta":
                pass
            case "item.completed":
                item = data["item"]
                if item["kind"] != "status":
                    yield f"{item['kind']} {item['role']} {item['status']}"
            case "permission.requested" | "question.requested":
                yield event["type"]
            case "permission.resolved" | "question.resolved":
                yield f"{event['type']} {data['status']}"
            case "turn.ended":
                yield f"turn.ended {data['metadata']['outcome']}"
            case other:
                yield other
