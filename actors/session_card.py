"""A session as others see it: what it publishes to the registry, and what the API tells of it."""

from attrs import frozen

from ..schema.events import SessionStartedData
from ..schema.problems import Problem, agent_process_exited, invalid_request
from ..schema.sessions import SessionInfo, SessionStatus
from ..schema.settings import Settings
from ..schema.timeouts import Timeouts
from .journal import SessionRow
from .log import Log


@frozen
class Card:
    """Published by the session whenever it changes; nobody else writes it."""

    row: SessionRow
    status: SessionStatus = "starting"

    def info(self, log: Log, settings: Settings) -> SessionInfo:
        row, request = self.row, self.row.request
        return SessionInfo(
            session_id=row.session_id,
            agent=request.agent,
            agent_mode=request.agent_mode or "",
            permission_mode=request.permission_mode or "",
            model=request.model,
            variant=request.variant,
            native_session_id=row.native_session_id,
            ended=row.ended,
            event_count=log.last,
            created_at=row.created_ms,
            updated_at=max(log.updated_ms, row.created_ms),
            directory=row.directory,
            title=request.title,
            status=self.status,
            queued=len(row.waiting),
            log_id=row.log_id,
            timeouts=Timeouts.of(request.timeouts, settings),
            agent_restarts=row.agent_restarts,
            mcp=request.mcp,
            skills=request.skills,
        )


def ended_problem(row: SessionRow) -> Problem:
    """Why an ended session takes nothing more."""
    if row.failed or row.exit_code is not None:
        return agent_process_exited(row.request.agent, row.exit_code, row.end_message)
    return invalid_request("session terminated")


def started(row: SessionRow) -> SessionStartedData:
    """What the first event of a session's log says of it."""
    request = row.request
    metadata = {
        "agent": request.agent,
        "agentMode": request.agent_mode,
        "permissionMode": request.permission_mode,
        "model": request.model,
        "directory": row.directory,
    }
    return SessionStartedData(metadata)


@frozen
class Changed:
    """From the session to the registry: how it is seen now."""

    card: Card
