"""The machine's processes, as /proc tells them: who descends from whom, also after a double fork or a setsid.

psutil was tried first: reading ``environ`` for 600 processes took it over 60 ms of GIL time per sweep, this 12 ms.
"""

import os
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from attrs import frozen

from .agent_user import Rights
from .descriptor_reserve import exhausted
from .owner import ProcessId
from .proc_visibility import PROC, ProcNotVisible, look

MARKER = "SANDBOX_AGENT_PROCESS"
"""The variable by which a descendant is known even when its parents are gone. Its value is `<family>.<owner>.<unique>`:
the family is the daemon's journal, so that its next start knows what this one left, the owner is the daemon itself
(:class:`Owner`), the rest is drawn for each agent. Older versions named no owner."""

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1 / os.sysconf("SC_CLK_TCK")


NOBODY = ProcessId(0, 0)
"""The root of a tree that is known by its marker alone."""


@frozen
class ProcessRow:
    """``threads`` counts the main one, ``cpu`` is seconds with those of children that it has waited for, ``resident``
    bytes; pages that it shares with others are in them."""

    id: ProcessId
    parent: int
    zombie: bool
    marker: str | None
    threads: int = 1
    cpu: float = 0.0
    resident: int = 0


def read_process(pid: int, proc: str = PROC, rights: Rights | None = None) -> ProcessRow | None:
    """None when it is gone, or is not ours to look at. With ``rights`` the marker is looked for in their name where it
    is closed to us. Raises OSError when descriptors or memory are used up: that tells nothing about the process."""
    try:
        stat = Path(f"{proc}/{pid}/stat").read_bytes()
    except OSError as error:
        if exhausted(error):
            raise
        return None
    # The command stands in parentheses and may hold any byte, so fields are counted from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    marker = _read_marker(pid, proc)
    if marker is None and rights is not None:
        with rights():
            marker = _read_marker(pid, proc)
    return ProcessRow(
        ProcessId(pid, int(fields[19])),
        int(fields[1]),
        fields[0] in (b"Z", b"X"),
        marker,
        int(fields[17]),
        sum(map(int, fields[11:15])) * TICK,
        int(fields[21]) * PAGE,
    )


def _read_marker(pid: int, proc: str) -> str | None:
    try:
        environment = b"\0" + Path(f"{proc}/{pid}/environ").read_bytes()
    except OSError as error:
        if exhausted(error):
            raise
        return None
    # With the NUL before it: another variable's name may end like ours.
    _, found, rest = environment.partition(f"\0{MARKER}=".encode())
    return rest.split(b"\0", 1)[0].decode(errors="replace") if found else None


def read_all(proc: str = PROC, rights: Rights | None = None) -> list[ProcessRow]:
    """Every process, in one pass; ``rights`` as in :func:`read_process`. Takes milliseconds: call it off the event
    loop. Raises :class:`.ProcNotVisible`, and OSError when it could not see all of them."""
    sight = look(proc)
    if sight.blind:
        raise ProcNotVisible(sight.trouble)
    pids = (int(name) for name in os.listdir(proc) if name.isdigit())  # noqa: PTH208 - Path costs twice as much
    return [row for pid in pids if (row := read_process(pid, proc, rights)) is not None]


def family(
    rows: Sequence[ProcessRow], roots: Iterable[ProcessId], spared: Container[ProcessId] = ()
) -> list[ProcessRow]:
    """The processes that come from ``roots``, which are among them.

    One that is spared is not told, nor what comes from it and from no other root.
    """
    by_parent: dict[int, list[ProcessRow]] = {}
    found: dict[ProcessId, ProcessRow] = {}
    wanted = set(roots)
    pending: list[ProcessRow] = []
    for row in rows:
        by_parent.setdefault(row.parent, []).append(row)
        if row.id in wanted:
            pending.append(row)
    while pending:
        row = pending.pop()
        if row.id not in found and row.id not in spared:
            found[row.id] = row
            pending.extend(by_parent.get(row.id.pid, ()))
    return list(found.values())


def descendants(rows: Sequence[ProcessRow], root: ProcessId) -> set[ProcessId]:
    """The living processes that come from ``root``, without it."""
    return {row.id for row in family(rows, [root]) if not row.zombie} - {root}
