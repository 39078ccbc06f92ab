"""Why a turn failed, as its stream says it, whatever the pieces in which it comes."""

import json

import pytest

from sandbox_agent.cli.api.turn_failure import TurnFailure


def frame(type_: str, **data: object) -> bytes:
    return b"id: log:1\ndata: " + json.dumps({"type": type_, "data": data}).encode() + b"\n\n"


def ended(**metadata: object) -> bytes:
    return frame("turn.ended", phase="ended", metadata=metadata)


STREAMS = {
    "completed": (ended(outcome="completed"), None),
    "interrupted": (ended(outcome="interrupted"), None),
    "failed": (ended(outcome="failed", error={"code": "c", "message": "no disk"}), "no disk"),
    "failed, of version 0.1": (ended(outcome="failed"), "the turn failed"),
    "an error": (frame("error", message="bad key", code="c", details=None), "bad key"),
    "an error that is retried": (
        frame("error", message="busy", code="c", details={"retryable": True}) + ended(outcome="completed"),
        None,
    ),
    "the session": (frame("session.ended", reason="error", message="gone"), "gone"),
    "the session, by somebody": (frame("session.ended", reason="terminated"), "the session was terminated"),
    "words that look like one": (frame("item.delta", delta='{"type":"error"} "turn.ended"'), None),
    "nothing that is JSON": (b'data: "error\n\n: "error"\n\n', None),
}


@pytest.mark.parametrize(("stream", "reason"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_the_reason_is_found(stream: bytes, reason: str | None, size: int) -> None:
    failure = TurnFailure()
    for at in range(0, len(stream), size):
        failure.feed(stream[at : at + size])
    assert failure.reason == reason
