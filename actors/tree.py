"""The process tree of one agent: every descendant, also those that left its process group or session.

``kill(pid)`` leaves three of four descendants, ``killpg`` the one that called setsid. A tree is known by three signs
together: parenthood, the marker in the environment, and having been seen in it before (which finds a process whose
parents died and that cleared its environment).
"""

import signal

from .processes import ProcessId, ProcessTable, descendants, send_signal


class ProcessTree:
    def __init__(self, root: ProcessId, marker: str, table: ProcessTable) -> None:
        self.root = root
        self.marker = marker
        self._table = table
        self._seen: set[ProcessId] = {root}

    def __repr__(self) -> str:
        return f"<ProcessTree root={self.root.pid} seen={len(self._seen)}>"

    async def members(self) -> set[ProcessId]:
        """The living processes of the tree."""
        alive = descendants(await self._table.rows(), self._seen, self.marker)
        self._seen = alive | {self.root}
        return alive

    async def signal(self, number: signal.Signals) -> int:
        """Signal every member; returns how many there were."""
        members = await self.members()
        for member in members:
            send_signal(member, number)
        return len(members)
