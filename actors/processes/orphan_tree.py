"""The tree of a dead daemon: all that it started and nobody ended, of one agent, one install or the whole journal."""

from collections.abc import Iterable, Sequence

from ..machine.owner import Owner, ProcessId
from ..machine.process_rows import NOBODY, ProcessRow
from .cgroup import Cgroup
from .table import ProcessTable
from .tree import ProcessTree


class OrphanTree(ProcessTree):
    """All that carries a marker which begins so, and whose owner is dead, with what comes from it or is in ``groups``.

    An agent can write any owner into the environment of what it starts. That hides a process from this one sign, as an
    empty environment does: it is a member all the same by a parent that is one, or by its cgroup.
    """

    def __init__(self, marker: str, table: ProcessTable, groups: Sequence[Cgroup] = ()) -> None:
        self._me = Owner.own()
        # An agent may have started this daemon: then we carry the marker that it inherited.
        super().__init__(NOBODY, marker, table, groups, () if self._me is None else (self._me.process,))
        self.owners: set[Owner] = set()
        """Those of such processes that live: other daemons, of a copy of the journal."""

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
