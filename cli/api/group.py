"""The tree below ``sandbox-agent api``."""

from typing import Any

import click

from ..lazy import Home, LazyGroup
from .connection import connection_options

AREAS = {
    "agents": Home(".api.agents", "agents", "List agents, their modes and models."),
    "sessions": Home(".api.sessions", "sessions", "Create and drive sessions."),
    "permissions": Home(".api.approvals", "permissions", "List what waits for a permission."),
    "questions": Home(".api.approvals", "questions", "List what waits for an answer."),
}


@click.group(cls=LazyGroup, homes=AREAS)
@connection_options
def api(**_: Any) -> None:
    """Call a running daemon. Answers are JSON on stdout; a problem is JSON on stderr and exit status 1.

    The options below may stand here or after the command; the nearest to the command counts.
    """
