"""Burial: how the log of a session ends that has no actor any more."""

from ...schema.events import SessionEndedData
from ..journal.event_log import Log
from ..journal.interface import SessionRow
from .context import Services
from .state import Record


async def bury(services: Services, row: SessionRow, log: Log, error: BaseException) -> SessionRow:
    """Close the log of a session that kept crashing, in its place. Returns the row as it ended."""
    record = Record(services, row, log)
    await record.restore()
    record.end(SessionEndedData("error", "daemon", f"the session failed: {type(error).__name__}"), failed=True)
    await record.write()
    return record.row
