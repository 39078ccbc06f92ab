"""What others may read of a session's row."""

from ...schema.api.sessions import CreateSessionRequest
from ..journal.interface import SessionRow
from .kept_row import KeptRow


class SessionFacts:
    """The row as it is now. Who has this can change nothing; :class:`.SessionState` can."""

    def __init__(self, row: SessionRow) -> None:
        self._kept = KeptRow(row)

    @property
    def _row(self) -> SessionRow:
        return self._kept.now

    @property
    def session_id(self) -> str:
        return self._row.session_id

    @property
    def log_id(self) -> str:
        return self._row.log_id

    @property
    def request(self) -> CreateSessionRequest:
        """With every default filled in."""
        return self._row.request

    @property
    def directory(self) -> str:
        return self._row.directory

    @property
    def native_session_id(self) -> str | None:
        return self._row.native_session_id

    @property
    def resume(self) -> str | None:
        """The native id of a conversation that the agent has written down."""
        return self._row.resume

    @property
    def prompts(self) -> int:
        """How many were accepted."""
        return self._row.prompts

    @property
    def queued(self) -> int:
        """How many prompts are in the queue, also such as were cancelled."""
        return len(self._row.queue)

    @property
    def waiting(self) -> int:
        """How many prompts in the queue will run."""
        return len(self._row.waiting)

    @property
    def ended(self) -> bool:
        return self._row.ended

    @property
    def failed(self) -> bool:
        """How it ended, when it has."""
        return self._row.failed
