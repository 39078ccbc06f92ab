"""Why a turn failed, found in its stream while that is copied to stdout."""

import json
from typing import Any

TELLING = (b'"turn.ended"', b'"error"', b'"session.ended"')
"""A line without any of these need not be parsed; most have none."""


class TurnFailure:
    """``reason`` is None for a turn that did not fail, or has not ended yet."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._line: list[bytes] = []

    def __repr__(self) -> str:
        return f"<TurnFailure {self.reason!r}>"

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the stream; an event may come in several pieces."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._read(b"".join([*self._line, piece]))
            self._line.clear()
        if rest:
            self._line.append(rest)

    def _read(self, line: bytes) -> None:
        if not line.startswith(b"data:") or not any(word in line for word in TELLING):
            return
        try:
            event: Any = json.loads(line[5:])
        except (ValueError, RecursionError):
            return
        self._judge(event)

    def _judge(self, event: object) -> None:
        match event:
            case {
                "type": "turn.ended",
                "data": {"metadata": {"outcome": "failed", "error": {"message": str(message)}}},
            }:
                self.reason = self.reason or message
            case {"type": "turn.ended", "data": {"metadata": {"outcome": "failed"}}}:
                self.reason = self.reason or "the turn failed"
            case {"type": "error", "data": {"details": {"retryable": True}}}:
                pass
            case {"type": "error", "data": {"message": str(message)}}:
                self.reason = message
            case {"type": "session.ended", "data": {"reason": "error", "message": str(message)}}:
                self.reason = self.reason or message
            case {"type": "session.ended", "data": {"reason": "error"}}:
                self.reason = self.reason or "the session failed"
            case {"type": "session.ended", "data": {"reason": "terminated"}}:
                self.reason = self.reason or "the session was terminated"
            case _:
                pass
