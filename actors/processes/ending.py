"""The ending of an agent and all its descendants, in steps.

stdin EOF → SIGINT to the agent → SIGTERM to the tree → SIGKILL to the tree. Each step has a time limit, so the whole
ending takes at most the sum of these settings. Descendants that outlive the agent get the last two steps.
"""

import signal
from contextlib import suppress

import structlog

from ...schema.settings import Settings
from ..machine.descriptor_reserve import Exhausted
from ..machine.proc_visibility import CANNOT_LOOK, ProcNotVisible
from .agent_process import AgentProcess

_log = structlog.get_logger("ladder")


async def end_process(process: AgentProcess, settings: Settings, *, polite: bool = True) -> str:
    """End the tree. ``polite`` is False for an agent in a turn that would finish its turn first on EOF (claude).

    Returns what could not be done or verified, in words; usually the empty string.
    """
    # A descendant that is seen now is still known when its parents have exited.
    with suppress(*CANNOT_LOOK):
        await process.tree.members()
    if process.status is None and polite:
        await process.close_stdin()
        await process.exited_within(settings.end_eof)
    if process.status is None:
        process.signal(signal.SIGINT)
        await process.exited_within(settings.end_interrupt)
    try:
        left = await process.tree.end(settings.end_terminate, settings.end_kill)
    except Exhausted as error:
        _log.error("cannot verify that nothing is left of an agent", pid=process.pid, error=str(error))
        process.leave_unverified()
        return f"the agent was ended, but it could not be verified that none of its descendants is left: {error}"
    except ProcNotVisible:
        return ""  # the same holds for every agent on this machine: health says it
    pids = sorted(member.pid for member in left)
    if pids:
        _log.error("processes outlived SIGKILL", pids=pids)
    return f"processes outlived SIGKILL: {', '.join(map(str, pids))}" if pids else ""
