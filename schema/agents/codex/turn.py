"""A turn of codex's main thread, from the request that starts it to the last word about it.

Three things make this more than a flag. Codex names the turn only in its answer to `turn/start`, and takes an interrupt
only once it has said that the turn started. A turn of its own may be under way when a prompt comes; the prompt then
joins it, or follows it. And an interrupted turn leaves its commands running: they are ended before the turn is.
"""

from typing import Any

from attrs import define, frozen

from ..effects import TurnEnded


@frozen
class Completed:
    """What `turn/completed` said."""

    turn: dict[str, Any]
    raw: bytes

    @property
    def id(self) -> Any:
        return self.turn.get("id")


@define
class Turn:
    """``id`` is None until codex has named the turn; ``started`` is the id of the last that codex said had started.
    ``end`` waits for the commands of an interrupted turn to be gone."""

    open: bool = False
    asked: bool = False
    id: str | None = None
    started: str | None = None
    interrupting: bool = False
    told_error: bool = False
    end: TurnEnded | None = None
    early: Completed | None = None

    def prompted(self) -> None:
        """`turn/start` is on its way."""
        self.open = self.asked = True
        self.id = self.early = None

    def compacts(self) -> None:
        """A turn of codex's own is to come, which it names as it starts."""
        self.open, self.asked = True, False
        self.id = self.early = None

    def named(self, turn_id: str) -> Completed | None:
        """Codex has answered; what it returns if that turn is over by now."""
        self.asked, self.id = False, turn_id
        early, self.early = self.early, None
        return early if early is not None and early.id == turn_id else None

    def began(self, turn_id: str) -> None:
        self.open, self.started = True, turn_id
        if not self.asked:
            self.id = turn_id

    def completed(self, completed: Completed) -> bool:
        """Whether this ends the turn. While `turn/start` is not answered it may be about another."""
        if self.asked:
            self.early = completed
            return False
        return self.open and self.end is None and completed.id == self.id

    @property
    def can_be_stopped(self) -> bool:
        return not self.asked and self.id is not None and self.id == self.started and self.end is None

    def over(self) -> None:
        self.open = self.asked = self.interrupting = self.told_error = False
        self.id = self.end = self.early = None
