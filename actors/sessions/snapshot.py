"""The snapshot of a session: what it publishes to the registry, and what the API tells about it."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ...schema.api.sessions import SessionInfo, SessionStatus
from ...schema.background import BackgroundTask
from ...schema.events import SessionStartedData
from ...schema.problems import Problem, agent_process_exited, invalid_request
from ...schema.settings import Settings
from ...schema.timeouts import Timeouts
from ...schema.workspace.project import LeftOut
from ...schema.workspace.trust import trust_that_holds
from ..isolation.isolation import Isolation
from ..journal.event_log import EventLog
from ..journal.interface import SessionRow


@frozen
class Snapshot:
    """Published by the session whenever it changes; only the session makes it."""

    row: SessionRow
    status: SessionStatus = "starting"
    background: tuple[BackgroundTask, ...] = ()

    def info(self, log: EventLog, settings: Settings) -> SessionInfo:
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
            workspace_trust=trust_that_holds(request.workspace_trust, settings.workspace_trust),
            mcp=request.mcp,
            skills=request.skills,
            background=self.background or None,
        )


def ended_problem(row: SessionRow) -> Problem:
    """The problem that says why an ended session accepts no command."""
    if row.failed or row.exit_code is not None:
        return agent_process_exited(row.request.agent, row.exit_code, row.end_message)
    return invalid_request("session terminated")


def started(
    row: SessionRow, settings: Settings, left_out: Sequence[LeftOut] | None, isolation: Isolation
) -> SessionStartedData:
    """The data of the first event of a session's log. ``left_out`` is None where the daemon leaves nothing out: the
    workspace is trusted, or the agent reads nothing there."""
    request = row.request
    metadata = {
        "agent": request.agent,
        "agentMode": request.agent_mode,
        "permissionMode": request.permission_mode,
        "model": request.model,
        "directory": row.directory,
        "workspace": _workspace(row, settings, left_out),
        "isolation": isolation.told(),
    }
    return SessionStartedData(metadata)


def _workspace(row: SessionRow, settings: Settings, left_out: Sequence[LeftOut] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"trust": trust_that_holds(row.request.workspace_trust, settings.workspace_trust)}
    return told if left_out is None else told | {"leftOut": [file.told() for file in left_out]}


@frozen
class Changed:
    """From the session to the registry: its new snapshot."""

    snapshot: Snapshot
