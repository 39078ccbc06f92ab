"""The processes of a dead daemon: what it started and did not end, of one agent, one install or the whole journal."""

from collections.abc import Iterable, Sequence

from ..machine.owner import Owner, ProcessId
from ..machine.process_rows import NOBODY, ProcessRow
from .cgroup import Cgroup
from .table import ProcessTable
from .tree import ProcessTree


class OrphanTree(ProcessTree):
    """All processes with a marker of this prefix whose owner is dead, their descendants, and all members of ``groups``.

    An agent can write any owner into the environment of what it starts. Then the marker does not find the process, as
    with an empty environment. It is still a member if its parent is one, or by its cgroup.
    """

    def __init__(self, marker: str, table: ProcessTable, groups: Sequence[Cgroup] = ()) -> None:
        self._me = Owner.own()
        # An agent may have started this daemon: then this process has the inherited marker.
        super().__init__(NOBODY, marker, table, groups, () if self._me is None else (self._me.process,))
        self.owners: set[Owner] = set()
        """Owners of such processes that still run: other daemons, on a copy of the journal."""

    def _marked(self, rows: Sequence[ProcessRow]) -> Iterable[ProcessId]:
        living = {row.id for row in rows if not row.zombie}
        for row in rows:
            if row.marker is None or not row.marker.startswith(self.marker):
                continue
            owner = Owner.of_marker(row.marker)
            if owner is not None and self._me is not None and owner.lives(self._me, living):
                self.owners.add(owner)
            else:
                yield row.id
