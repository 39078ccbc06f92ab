"""The ending ladder: how an agent and all its descendants are brought to an end, each rung a little less polite.

stdin EOF → SIGINT to the agent → SIGTERM to the tree → SIGKILL to the tree. Every rung is timed, so the whole ladder
ends within the sum of its settings. Descendants that outlive the agent take the last two rungs.
"""

import signal

import structlog
import trio

from ..schema.settings import Settings
from .agent_process import AgentProcess
from .processes import ProcessId, send_signal

_log = structlog.get_logger("ladder")

SWEEP_INTERVAL = 0.02
"""Seconds between two looks at whether the tree is gone: descendants are not our children, so nothing tells us."""


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
    for number, patience in ((signal.SIGTERM, settings.end_terminate), (signal.SIGKILL, settings.end_kill)):
        if await _sweep(process, number, patience):
            return
    left = await process.tree.members()
    if left:
        _log.error("processes outlived SIGKILL", pids=sorted(member.pid for member in left))


async def _sweep(process: AgentProcess, number: signal.Signals, patience: float) -> bool:
    """Signal the tree, also members born meanwhile, until it is gone or patience ends."""
    signalled: set[ProcessId] = set()
    with trio.move_on_after(patience):
        while True:
            members = await process.tree.members()
            if not members:
                return True
            for member in members - signalled:
                send_signal(member, number)
            signalled |= members
            await trio.sleep(SWEEP_INTERVAL)
    return not await process.tree.members()
