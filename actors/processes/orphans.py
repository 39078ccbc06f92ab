"""Orphans: what a killed daemon left on the machine. The next start ends and removes it before any session runs.

A killed daemon ends none of its agents. Most agents then notice that their stdin or their terminal is closed; programs
that they started may not. The next daemon on the same journal finds them by the marker in their environment, which
begins with the journal's id, or by their cgroup. The lock on the data directory says that no other daemon has this
directory. But a copy of the directory has the same journal id, so everything that belongs to a running daemon is left
alone.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
import trio

from ...schema.settings import Settings
from ..machine.descriptor_reserve import Exhausted
from ..machine.owner import ProcessId
from ..machine.proc_visibility import CANNOT_LOOK
from .cgroup import Cgroup
from .cgroup_root import CgroupRoot, find_left, find_own
from .orphan_tree import OrphanTree
from .private_directory import remove_left
from .table import ProcessTable

ROUNDS = 5
"""How often it is tried before the daemon starts all the same: some processes cannot be ended while the kernel holds
them."""

_log = structlog.get_logger("leftovers")


async def end_orphans(journal_id: str, table: ProcessTable, settings: Settings, groups: Sequence[Cgroup] = ()) -> None:
    """End every process that a dead daemon of this journal left, its descendants, and all members of ``groups``.

    Without orphans it costs one look at /proc. Otherwise it returns when they have ended, or after ``ROUNDS`` times
    ``end_kill`` with an error in the log, when the kernel does not end one.
    """
    try:
        left = await _end(OrphanTree(f"{journal_id}.", table, groups), settings)
    except CANNOT_LOOK as error:
        # Members of our cgroups are found all the same.
        with suppress(Exhausted):
            for group in groups:
                await table.reserve.run(group.kill)
        _log.error("cannot look for processes that an earlier daemon left", error=str(error))
    else:
        if left:
            _log.error("leftovers outlived SIGKILL", pids=sorted(process.pid for process in left))


async def _end(tree: OrphanTree, settings: Settings) -> set[ProcessId]:
    left = await tree.members()
    if tree.owners:
        pids = sorted(owner.process.pid for owner in tree.owners)
        _log.warning("another daemon lives on a copy of this data directory; its agents are left alone", daemons=pids)
    patience = settings.end_terminate
    for _ in range(ROUNDS):
        if not left:
            break
        _log.warning("ending what an earlier daemon left", pids=sorted(process.pid for process in left))
        left = await tree.end(patience, settings.end_kill)
        patience = 0.0
    return left


class Orphans:
    """An actor of the chain: the actors after it start when nothing of the former run is left.

    ``journal_id`` is asked when the chain runs: a journal on disk has its id only then.
    """

    def __init__(self, journal_id: Callable[[], str], table: ProcessTable, settings: Settings) -> None:
        self._journal_id = journal_id
        self._table = table
        self._settings = settings

    def __repr__(self) -> str:
        return f"<Orphans of {self._journal_id()}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        owner = self._journal_id()
        homes = await trio.to_thread.run_sync(_homes_of, owner)
        await end_orphans(owner, self._table, self._settings, [home.group for home in homes])
        for home in homes:
            await self._table.reserve.run(home.remove)
        try:
            removed = await trio.to_thread.run_sync(remove_left, owner)
        except OSError as error:
            _log.warning("cannot look for what an earlier daemon left", error=str(error))
        else:
            if removed:
                _log.info("removed what an earlier daemon left", directories=[str(path) for path in removed])
        task_status.started()
        await trio.sleep_forever()


def _homes_of(owner: str) -> list[CgroupRoot]:
    own = find_own()
    return [] if own is None else find_left(own, owner)
