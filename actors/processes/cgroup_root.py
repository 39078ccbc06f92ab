"""The cgroup root: the group below which a daemon makes a cgroup for each of its agents, if the system allows it.

It can be used when the daemon's own cgroup is writable. To delegate controllers to the agents' groups, no process may
be in the daemon's own group (the kernel's "no internal processes" rule), so the daemon then moves into a group beside
theirs. When other processes share its group, they are left alone and the daemon measures the limits itself.
"""

import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

import structlog

from ..files.directory_claim import DirectoryClaim, take_left
from .cgroup import PROCESSES, Cgroup
from .limits import Limits

PREFIX = "sandbox-agent-"

_log = structlog.get_logger("cgroup")


def mounted(mountinfo: str, membership: str) -> Path | None:
    """The directory of our own cgroup, from /proc/self/mountinfo and /proc/self/cgroup; None where there is none of
    version 2, or it is outside the mounted part."""
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
    """Decodes a path of mountinfo, in which special characters are octal escapes."""
    return field.encode().decode("unicode_escape").encode("latin-1").decode(errors="surrogateescape")


def find_own() -> Path | None:
    try:
        return mounted(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    except OSError:
        return None


class CgroupRoot:
    """``path`` contains the groups of the agents; ``controllers`` enforce their limits. The claim shows that the daemon
    runs."""

    def __init__(self, path: Path, controllers: frozenset[str], claim: DirectoryClaim) -> None:
        self.path = path
        self.controllers = controllers
        self.claim = claim

    def __repr__(self) -> str:
        return f"<CgroupRoot {self.path} {' '.join(sorted(self.controllers)) or 'no controllers'}>"

    @classmethod
    def open(cls, own: Path, owner: str, limits: Limits) -> "CgroupRoot | None":
        """Make it below our own group. ``owner`` is the daemon's name across restarts. None when the system forbids
        it."""
        wanted = {name for name, limit in (("memory", limits.memory), ("pids", limits.processes)) if limit}
        # A name for this run: a daemon on a copy of the journal has the same owner, and may be in the same group.
        path = own / f"{name_of(owner)}-{secrets.token_hex(4)}"
        try:
            path.mkdir()
            # None when such a daemon, which starts at the same time, took it for an orphaned one.
            claim = take_left(path) if os.access(path / PROCESSES, os.W_OK) else None
            if claim is None:
                path.rmdir()
                return None
        except OSError:
            return None
        handed = wanted & set(_words(own / "cgroup.controllers"))
        if handed and _hand_down(own, handed, own / f"{name_of(owner)}.daemon") and _enable(path, handed):
            return cls(path, frozenset(handed), claim)
        return cls(path, frozenset(), claim)

    def make(self, name: str, limits: Limits) -> Cgroup | None:
        """A group for one agent; None when it cannot be made: the agent is then known by its other signs."""
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
        """Remove it, when all agents have ended."""
        self.group.remove()
        self.claim.release()

    @property
    def group(self) -> Cgroup:
        """The whole root as one group, with all agents in it."""
        return Cgroup(self.path)


def name_of(owner: str) -> str:
    return PREFIX + hashlib.sha256(owner.encode()).hexdigest()[:16]


def find_left(own: Path, owner: str) -> list[CgroupRoot]:
    """The roots that dead daemons of this owner left, anywhere below our mount. Older versions named theirs by the
    owner alone."""
    top = own
    while (top.parent / PROCESSES).exists():
        top = top.parent
    home = re.compile(re.escape(name_of(owner)) + "(-[0-9a-f]+)?")
    found: list[CgroupRoot] = []
    for directory, inner, _ in os.walk(top):
        homes = [name for name in inner if home.fullmatch(name)]
        inner[:] = [name for name in inner if name not in homes]
        claims = [take_left(Path(directory, name)) for name in homes]
        found += [CgroupRoot(claim.path, frozenset(), claim) for claim in claims if claim is not None]
    return found


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _enable(path: Path, controllers: set[str]) -> bool:
    """Delegate the controllers to the groups inside ``path``. False when a process in it prevents that, or the system
    forbids it."""
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
