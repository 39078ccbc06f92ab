"""Builds histories that break no promise, for tests of the checker: each test then changes one thing."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve

from .rules.history import FEED, Attempt, Command, Event, Frame, History, Kept, Resync, Stream

CUT: Mapping[str, object] = MappingProxyType(
    {"outcome": "failed", "error": {"code": "process_exit", "message": "the agent exited"}}
)
"""How the turn of an agent that was killed ends."""


class Story:
    """One session ``s`` with log ``log``, and the stream of all sessions, ``feed``, which holds the same."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.commands = [Command("s", "create", None, [Attempt(200)])]
        self.streams: list[Stream] = []
        self._turns = 0
        self.add("session.started", synthetic=True)

    def add(self, type_: str, *, synthetic: bool = False, **data: Any) -> Event:
        event = {
            "sequence": len(self.events) + 1,
            "session_id": "s",
            "synthetic": synthetic,
            "source": "daemon" if synthetic else "agent",
            "type": type_,
            "data": data,
        }
        self.events.append(event)
        return event

    def item(self, item_id: str, role: str, text: str, *, deltas: int = 0) -> None:
        item = {"item_id": item_id, "kind": "message", "role": role, "status": "completed"}
        content = [{"type": "text", "text": text}]
        self.add("item.started", item={**item, "content": []})
        for _ in range(deltas):
            self.add("item.delta", item_id=item_id, delta="…")
        self.add("item.completed", item={**item, "content": content})

    def turn(
        self,
        *,
        via: str = "http",
        ask: str | None = None,
        reply: str | None = "once",
        lost: int = 0,
        cut: bool = False,
        deltas: int = 1,
    ) -> str:
        """A prompt and its turn; returns the prompt. ``lost`` answers never came; ``cut`` is a turn that ended before
        the agent had repeated the prompt. With ``ask`` the agent requests an approval, which ``reply`` resolves; with
        None the daemon rejects it."""
        self._turns += 1
        turn, prompt = f"turn_{self._turns}", f"prompt {self._turns}"
        acknowledgement = Attempt(200, json.dumps({"turnId": turn}).encode()) if via == "ws" else Attempt(204)
        attempts = [Attempt(None)] * lost + [acknowledgement]
        self.commands.append(Command("s", "message", f"key {self._turns}", attempts, prompt))
        self.add("turn.started", turn_id=turn)
        if not cut:
            self.item(f"user_{self._turns}", "user", prompt, deltas=deltas)
            if ask is not None:
                self.ask(ask, f"ask_{self._turns}", reply)
            self.item(f"answer_{self._turns}", "assistant", "yes", deltas=deltas)
        self.add("turn.ended", turn_id=turn, metadata=dict(CUT) if cut else {"outcome": "completed"})
        return prompt

    def ask(self, kind: str, approval_id: str, reply: str | None) -> None:
        about = {f"{kind}_id": approval_id}
        self.add(f"{kind}.requested", **about, status="requested")
        if reply is None:
            self.add(
                f"{kind}.resolved", synthetic=True, **about, status="reject" if kind == "permission" else "rejected"
            )
            return
        self.commands.append(Command("s", kind, f"key of {approval_id}", [Attempt(204)], approval_id, reply))
        status = {"once": "accept", "always": "accept_for_session", "answer": "answered"}[reply]
        self.add(f"{kind}.resolved", **about, status=status)

    def end(self) -> None:
        self.commands.append(Command("s", "terminate", "end", [Attempt(204)]))
        self.add("session.ended", synthetic=True, reason="terminated", terminated_by="daemon")

    @property
    def frames(self) -> list[Frame]:
        return [Frame(event["sequence"], json.dumps(event).encode()) for event in self.events]

    def watch(self, after: int = 0, until: int | None = None, via: str = "sse", session: str = "s") -> Stream:
        """A connection that got everything beyond ``after``, up to ``until``."""
        log_id = "feed" if session == FEED else "log"
        stream = Stream(session, via, log_id, after, None, self.frames[after:until])
        self.streams.append(stream)
        return stream

    def watch_foreign(self, asked: int, asked_log: str | None, reason: str) -> Stream:
        stream = Stream("s", "sse", "log", asked, asked_log, [Resync(reason, 0), *self.frames])
        self.streams.append(stream)
        return stream

    @property
    def history(self) -> History:
        kept = Kept("s", "log", self.frames)
        return History(self.commands, self.streams, [kept], evolve(kept, session=FEED, log_id="feed"))


def told() -> Story:
    """One of everything."""
    story = Story()
    story.turn(lost=1)
    story.turn(via="ws")
    story.turn(ask="permission")
    story.turn(ask="question", reply="answer")
    story.turn(ask="permission", reply=None)
    story.turn(ask="permission", reply="always", via="ws", lost=2)
    story.turn(cut=True)
    story.end()
    story.watch()
    story.watch(5, via="ws")
    story.watch(3, 20)
    story.watch(2, session=FEED)
    story.watch_foreign(7, "another", "foreign")
    story.watch_foreign(10**9, None, "future")
    return story
