"""Burial: how the log of a session ends that has no actor any more, and what is said to those who come late."""

from attrs import evolve

from ..schema.events import SessionEndedData
from ..schema.problems import Problem, agent_process_exited, invalid_request
from .asks import resolved
from .journal import SessionRow
from .log import Log
from .permissions import Decision
from .scribe import Scribe
from .services import Services


def ended_problem(row: SessionRow) -> Problem:
    """Why an ended session takes nothing more."""
    if row.failed or row.exit_code is not None:
        return agent_process_exited(row.request.agent, row.exit_code, row.end_message)
    return invalid_request("session terminated")


async def bury(services: Services, row: SessionRow, log: Log, error: BaseException) -> SessionRow:
    """Close the log of a session that kept crashing, in its place. Returns the row as it ended."""
    scribe = Scribe(row, log, services.journal, services.codec, services.clock)
    for ask in await scribe.restore():
        type_, data = resolved(ask, Decision("", reply="reject", cause="session failed"))
        scribe.note(type_, data)
    scribe.end_turn("failed")
    message = f"the session failed: {type(error).__name__}"
    scribe.note("session.ended", SessionEndedData("error", "daemon", message))
    await scribe.flush()
    row = evolve(row, ended=True, failed=True, end_message=message)
    await services.journal.update(row)
    return row
