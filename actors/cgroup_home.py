"""The place below which a daemon makes a cgroup for each of its agents, if the system lets it.

It is ours to use when our own cgroup is writable. To hand controllers down to our agents' groups, no process may be in
our own group (the kernel's "no internal processes" rule), so the daemon then moves into a group beside theirs; when
others share our group, they are left alone and the daemon watches the limits itself.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import structlog

from .cgroup import PROCESSES, Cgroup
from .limits import Limits

PREFIX = "sandbox-agent-"

_log = structlog.get_logger("cgroup")


def mounted(mountinfo: str, membership: str) -> Path | None:
    """The directory of our own cgroup, from /proc/self/mountinfo and /proc/self/cgroup; None where there is none of
    version 2, or it lies outside of what is mounted here."""
    own = next((line[3:] for line in membership.splitlines() if line.startswith("0::")), None)
    if own is None:
        return None
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if not kind.startswith("cgroup2 "):
            continue
        root, point = (_unescaped(field) for field in fields.split()[3:5])
        path = Path(own)
        if ".." not in path.parts and path.is_relative_to(root):
            return Path(point) / path.relative_to(root)
    return None


def _unescaped(field: str) -> str:
    """mountinfo writes what would break its lines as octal."""
    return field.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")


def find_own() -> Path | None:
    try:
        return mounted(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    except OSError:
        return None


class CgroupHome:
    """``path`` holds the groups of the agents, ``controllers`` what the kernel holds them to."""

    def __init__(self, path: Path, controllers: frozenset[str]) -> None:
        self.path = path
        self.controllers = controllers

    def __repr__(self) -> str:
        return f"<CgroupHome {self.path} {' '.join(sorted(self.controllers)) or 'no controllers'}>"

    @classmethod
    def open(cls, own: Path, owner: str, limits: Limits) -> "CgroupHome | None":
        """Below our own group. ``owner`` is the daemon's name beyond its life. None when the system forbids it."""
        wanted = {name for name, limit in (("memory", limits.memory), ("pids", limits.processes)) if limit}
        path = own / name_of(owner)
        try:
            path.mkdir(exist_ok=True)
            if not os.access(path / PROCESSES, os.W_OK):
                path.rmdir()
                return None
        except OSError:
            return None
        handed = wanted & set(_words(own / "cgroup.controllers"))
        if handed and _hand_down(own, handed, own / f"{path.name}.daemon") and _enable(path, handed):
            return cls(path, frozenset(handed))
        return cls(path, frozenset())

    def make(self, name: str, limits: Limits) -> Cgroup | None:
        """None when it cannot be made: the agent is then known by its other signs."""
        group = Cgroup(self.path / name, self.controllers)
        try:
            group.path.mkdir()
            group.impose(limits)
        except OSError as error:
            _log.warning("no cgroup for an agent", error=str(error))
            group.remove()
            return None
        return group

    def remove(self) -> None:
        """When all agents are gone."""
        Cgroup(self.path).remove()


def name_of(owner: str) -> str:
    return PREFIX + hashlib.sha256(owner.encode()).hexdigest()[:16]


def find_left(own: Path, owner: str) -> list[Cgroup]:
    """The homes that earlier daemons of this owner left, wherever they were started: anywhere below our mount."""
    top = own
    while (top.parent / PROCESSES).exists():
        top = top.parent
    name = name_of(owner)
    found: list[Cgroup] = []
    for directory, inner, _ in os.walk(top):
        if name in inner:
            inner.remove(name)
            found.append(Cgroup(Path(directory, name)))
    return found


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _enable(path: Path, controllers: set[str]) -> bool:
    """For the groups inside of ``path``. False when a process in it is in the way, or the system forbids it."""
    with suppress(OSError):
        (path / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(controllers)))
    return controllers <= set(_words(path / "cgroup.subtree_control"))


def _hand_down(own: Path, controllers: set[str], aside: Path) -> bool:
    if _enable(own, controllers):
        return True
    if _words(own / PROCESSES) != [str(os.getpid())]:
        return False
    try:
        aside.mkdir(exist_ok=True)
        (aside / PROCESSES).write_text("0")
    except OSError:
        return False
    if _enable(own, controllers):
        return True
    with suppress(OSError):
        (own / PROCESSES).write_text("0")
        aside.rmdir()
    return False
