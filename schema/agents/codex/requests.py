"""What we ask of codex, in order. The id of a request is a word that says what its answer is about, and a number."""

from typing import Any

from ..dialect import AgentSpec, Prompt
from ..effects import Write
from ..json_lines import line
from . import launch as codex_launch
from . import prompt as codex_prompt
from .wire import request


class Requests:
    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._count = 0

    def __repr__(self) -> str:
        return f"<Requests count={self._count}>"

    def initialize(self) -> Write:
        return _write(codex_launch.initialize())

    def open_thread(self, resume: str | None) -> Write:
        return _write(codex_launch.thread_request(self._spec, self._id("thread"), resume))

    def start_turn(self, thread: str, model: str | None, prompt: Prompt) -> Write:
        return _write(codex_prompt.turn_request(self._spec, self._id("turn"), thread, model, prompt))

    def compact(self, thread: str) -> Write:
        return _write(request(self._id("compact"), "thread/compact/start", threadId=thread))

    def interrupt(self, thread: str, turn: str, *, sub_agent: bool = False) -> Write:
        """A sub-agent's turn may have ended by itself: nobody reads that answer."""
        request_id = self._id("stop" if sub_agent else "interrupt")
        return _write(request(request_id, "turn/interrupt", threadId=thread, turnId=turn))

    def clean(self, thread: str, *, sub_agent: bool = False) -> Write:
        """End the commands that an interrupted turn leaves running, as "background terminals"."""
        request_id = self._id("stop" if sub_agent else "clean")
        return _write(request(request_id, "thread/backgroundTerminals/clean", threadId=thread))

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _write(message: dict[str, Any]) -> Write:
    return Write(line(message))
