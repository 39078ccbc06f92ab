"""A turn: what opencode has said since a prompt, and how it came to an end."""

from typing import Any

from ...events import TurnOutcome
from ..dialect import Prompt
from ..remembered import Remembered
from .approvals import Approvals
from .messages import Messages


class Turn:
    """``number`` counts the prompts of this process; calls are marked with it, so that a late answer is noticed."""

    def __init__(self, number: int, session_id: str, approvals: Approvals, callers: Remembered[str | None]) -> None:
        self.number = number
        self.messages = Messages(session_id, approvals, callers)
        self.interrupting = False
        self.aborted = False
        self.failed = False
        self.checks = 0
        self.held: Prompt | None = None
        """A prompt that may be a command: which there are is being asked."""

    def __repr__(self) -> str:
        marks = [name for name in ("interrupting", "aborted", "failed") if getattr(self, name)]
        return f"<Turn {self.number} {' '.join([*marks, ''])}{self.messages!r}>"

    @property
    def under_way(self) -> bool:
        """Whether there is anything that can have come to an end: the prompt was taken up, or could not be."""
        return self.messages.prompt_id is not None or self.failed or self.aborted

    @property
    def outcome(self) -> TurnOutcome:
        if self.failed:
            return "failed"
        finished = self.messages.last is not None and self.messages.last.finish == "stop"
        return "interrupted" if self.aborted or (self.interrupting and not finished) else "completed"

    @property
    def metadata(self) -> dict[str, Any]:
        told = self.messages.usage.turn()
        if self.messages.last is not None and self.messages.last.finish is not None:
            told["stop_reason"] = self.messages.last.finish
        return told
