"""The row of a session as it is now, and every change that can happen to it."""

from collections.abc import Sequence

from attrs import evolve

from ...schema.agents.dialect import Prompt
from ...schema.approvals.approval_data import ApprovalData
from ...schema.problems import queue_full
from ..journal.interface import QueuedPrompt, SessionRow
from .snapshot import ended_problem


class NotRestored(Exception):
    """A row was changed before it was known what an earlier run of the session had left: our bug. What would be written
    gives out ids again that the log already has."""


class KeptRow:
    """Until :meth:`restore` was called it can be read, and each change raises :class:`NotRestored`. ``now`` is the row
    as it is; :meth:`unwritten` is what the journal does not have of it."""

    def __init__(self, row: SessionRow) -> None:
        self._row = self._written = row
        self._restored = False

    def __repr__(self) -> str:
        return f"<KeptRow {self._row.session_id} {'restored' if self._restored else 'not restored'}>"

    @property
    def now(self) -> SessionRow:
        return self._row

    def restore(self, row: SessionRow) -> None:
        """``row`` is the one that the journal has."""
        self._row = self._written = row

    def allow_changes(self) -> None:
        """Everything that depends on the row has been restored too."""
        self._restored = True

    def check_restored(self) -> None:
        if not self._restored:
            raise NotRestored(f"{self!r} is not restored")

    def _change(self, row: SessionRow) -> None:
        self.check_restored()
        self._row = row

    # Prompts.

    def check_accepts(self, limit: int) -> None:
        """Raises the problem for which another prompt is refused. ``limit`` is how many may wait."""
        if self._row.ended:
            raise ended_problem(self._row)
        # Cancelled prompts leave the queue when the running turn ends; until then they are bounded too.
        if len(self._row.waiting) >= limit or len(self._row.queue) >= 2 * limit:
            raise queue_full(self._row.session_id, limit)

    def accept(self, prompt: Prompt, turn_id: str, at_ms: int) -> None:
        """Put a prompt at the end of the queue, with the next number."""
        number = self._row.prompts + 1
        queued = QueuedPrompt(evolve(prompt, number=number), turn_id, at_ms)
        self._change(evolve(self._row, prompts=number, queue=(*self._row.queue, queued)))

    def take(self) -> QueuedPrompt:
        """The prompt that has waited longest; it is the row's current one from now on."""
        queued, *rest = self._row.queue
        self._change(evolve(self._row, queue=tuple(rest), current=queued))
        return queued

    def cancel(self, turn_id: str) -> bool:
        """Mark a prompt of the queue; false when it is not there."""
        if turn_id not in (queued.turn_id for queued in self._row.waiting):
            return False
        self._change(evolve(self._row, cancelled=(*self._row.cancelled, turn_id)))
        return True

    def take_cancelled(self) -> Sequence[QueuedPrompt]:
        """Remove the cancelled prompts from the queue."""
        cancelled = [queued for queued in self._row.queue if queued.turn_id in self._row.cancelled]
        if cancelled:
            self._change(evolve(self._row, queue=self._row.waiting, cancelled=(), current=cancelled[-1]))
        return cancelled

    def current_ended(self) -> None:
        self._change(evolve(self._row, current=None))

    def queue_emptied(self) -> None:
        """No prompt of the queue is left, so none is cancelled."""
        self._change(evolve(self._row, cancelled=()))

    # The agent, and the end.

    def named(self, native_session_id: str, *, resumable: bool) -> None:
        resume = native_session_id if resumable else None
        self._change(evolve(self._row, native_session_id=native_session_id, resume=resume))

    def agent_restarted(self) -> None:
        self._change(evolve(self._row, agent_restarts=self._row.agent_restarts + 1))

    def background(self, *, working: bool) -> None:
        self._change(evolve(self._row, background=working))

    def end(self, *, failed: bool, exit_code: int | None, message: str | None) -> None:
        self._change(evolve(self._row, ended=True, failed=failed, exit_code=exit_code, end_message=message))

    # Keeping it.

    def count(self, turns: int, asks: tuple[ApprovalData, ...]) -> None:
        """The turns that were given out, and the approvals that are open. The row stays the same object when nothing of
        it changes, as with most of what an agent says."""
        if self._row.turns != turns or self._row.asks != asks:
            self._change(evolve(self._row, turns=turns, asks=asks))

    def settle(self, sequence: int, items: int, last_turn: str | None) -> None:
        """At ``sequence`` no turn and no item is open."""
        if self._row.settled != sequence or self._row.items != items:
            self._change(evolve(self._row, settled=sequence, items=items))
        if self._row.current is not None and self._row.current.turn_id == last_turn:
            self.current_ended()  # a later run reads from here, and would not find its turn

    def unwritten(self) -> SessionRow | None:
        """The row, unless the journal has it as it is."""
        return None if self._row is self._written or self._row == self._written else self._row

    def written(self) -> SessionRow:
        """It is given to the journal now. Returns the one that was given to it before, for :meth:`restore`."""
        before, self._written = self._written, self._row
        return before
