"""One session of the demo: its events are read from one stream, and what they ask for is done on the way."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from ..api.client import Client
from ..api.connection import session_path
from ..failure import Failure
from .approvals import Human
from .script import Step
from .transcript import Transcript


def stream_events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of an SSE stream. Comments, ids and frames of a named event type are not for us."""
    named = False
    for line in response.iter_lines():
        if line.startswith("event:"):
            named = True
        elif line.startswith("data:") and not named:
            yield json.loads(line[5:])
        elif not line:
            named = False


class DemoSession:
    def __init__(self, client: Client, session_id: str, human: Human, transcript: Transcript) -> None:
        self._client = client
        self._id = session_id
        self._human = human
        self._transcript = transcript
        self._deltas = 0
        self._interrupted = False

    def __repr__(self) -> str:
        return f"<DemoSession {self._id} deltas={self._deltas} interrupted={self._interrupted}>"

    def run(self, step: Step, offset: int) -> int:
        """Send the step's prompt and follow its turn to the end; returns the offset to go on from."""
        self._transcript.title(step.title, step.prompt)
        self._deltas, self._interrupted = 0, False
        self._call("messages", body={"message": step.prompt})
        with self._client.stream("GET", session_path(self._id, "events", "sse"), query={"offset": offset}) as stream:
            for event in stream_events(stream):
                offset = event["sequence"]
                self._transcript.show(event)
                self._react(event, step)
                if event["type"] == "session.ended":
                    raise Failure("the session ended before the demo did")
                if event["type"] == "turn.ended":
                    self._check(event, step)
                    return offset
        raise Failure("the event stream ended before the turn did")

    def _react(self, event: dict[str, Any], step: Step) -> None:
        data = event["data"]
        match event["type"]:
            case "permission.requested":
                self._call("permissions", data["permission_id"], "reply", body={"reply": self._human.permission(data)})
            case "question.requested":
                self._answer(data["question_id"], self._human.question(data))
            case "item.delta":
                self._deltas += 1
                if self._deltas == step.interrupt_after:
                    self._interrupted = True
                    self._transcript.note("interrupting the turn")
                    self._call("interrupt")
            case _:
                pass

    def _answer(self, question_id: str, answers: list[list[str]] | None) -> None:
        if answers is None:
            self._call("questions", question_id, "reject")
        else:
            self._call("questions", question_id, "reply", body={"answers": answers})

    def _check(self, event: dict[str, Any], step: Step) -> None:
        """A demo that only looks good is worth nothing: a turn must end as its step meant it to."""
        metadata: dict[str, Any] = event["data"].get("metadata") or {}
        outcome = metadata.get("outcome")
        wanted = "interrupted" if self._interrupted else "completed"
        if outcome != wanted:
            error: dict[str, Any] = metadata.get("error") or {}
            why = f": {error['message']}" if error else ""
            raise Failure(f"the step {step.title!r} ended {outcome}, not {wanted}{why}")

    def _call(self, *path: str, body: Any = None) -> None:
        self._client.call("POST", session_path(self._id, *path), body=body)
