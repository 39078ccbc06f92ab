"""The ending ladder: how an agent and all its descendants are brought to an end, each rung a little less polite.

stdin EOF → SIGINT to the agent → SIGTERM to the tree → SIGKILL to the tree. Every rung is timed, so the whole ladder
ends within the sum of its settings. Descendants that outlive the agent take the last two rungs.
"""

import signal

import structlog

from ..schema.settings import Settings
from .agent_process import AgentProcess
from .processes import send_signal

_log = structlog.get_logger("ladder")


async def end_process(process: AgentProcess, settings: Settings, *, polite: bool = True) -> None:
    """End the tree. ``polite`` is False for an agent in mid-turn that would finish its turn first on EOF (claude)."""
    # Seen now, a descendant is still known when its parents are gone.
    await process.tree.members()
    if process.status is None and polite:
        await process.close_stdin()
        await process.exited_within(settings.end_eof)
    if process.status is None:
        send_signal(process.tree.root, signal.SIGINT)
        await process.exited_within(settings.end_interrupt)
    left = await process.tree.end(settings.end_terminate, settings.end_kill)
    if left:
        _log.error("processes outlived SIGKILL", pids=sorted(member.pid for member in left))
