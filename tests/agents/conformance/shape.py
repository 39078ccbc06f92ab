"""The shape of a transcript: what came in which order, without the words, and without what agents say in passing."""

from collections.abc import Iterator, Sequence

from ..daemon import Event, of_type


def shape(events: Sequence[Event]) -> list[str]:
    """An item stands where it began, but a tool's result where it is complete: output may be streamed into it from the
    call on. Deltas are part of their item. Status items are an agent's own."""
    return list(_lines(events))


def _lines(events: Sequence[Event]) -> Iterator[str]:
    completed = [event["data"]["item"] for event in of_type(events, "item.completed")]
    ends = {item["item_id"]: f"{item['kind']} {item['role']} {item['status']}" for item in completed}
    for event in events:
        data = event["data"]
        match event["type"]:
            case "session.started" | "item.delta":
                pass
            case "item.started" | "item.completed":
                item = data["item"]
                shown = "item.completed" if item["kind"] == "tool_result" else "item.started"
                if item["kind"] != "status" and event["type"] == shown:
                    yield ends[item["item_id"]]
            case "permission.requested" | "question.requested":
                yield event["type"]
            case "permission.resolved" | "question.resolved":
                yield f"{event['type']} {data['status']}"
            case "turn.ended":
                yield f"turn.ended {data['metadata']['outcome']}"
            case other:
                yield other
