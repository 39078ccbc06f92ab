"""Burial: how the log of a session ends that has no actor any more."""

from ...schema.events import SessionEndedData
from ..journal.event_log import EventLog
from ..journal.interface import SessionRow
from .context import SessionContext
from .state import SessionState


async def bury(context: SessionContext, row: SessionRow, log: EventLog, error: BaseException) -> SessionRow:
    """Close the log of a session that kept crashing, in its place. Returns the row as it ended."""
    state = SessionState(context, row, log)
    await state.restore()
    state.end(SessionEndedData("error", "daemon", f"the session failed: {type(error).__name__}"), failed=True)
    await state.write()
    return state.row
