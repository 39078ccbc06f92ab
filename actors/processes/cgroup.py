"""A cgroup (version 2) of one agent: a process that starts in it stays in it, whatever it does to its parents, its
session or its environment. Format: the kernel's Documentation/admin-guide/cgroup-v2.rst.

Where the daemon may make groups, a group says which processes belong to an agent, and kills all of them at once. With
the memory and pids controllers, where they are delegated to the daemon, the kernel itself enforces the limits.
"""

import os
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..machine.descriptor_reserve import exhausted
from .limits import Hit, Limits

PROCESSES = "cgroup.procs"


class Cgroup:
    """Every method reads or writes a few files of the kernel, so call it in a thread. Methods that list or end the
    members raise OSError when descriptors or memory are used up.

    ``controllers`` are those that enforce limits here. A group that no longer exists has no members and reached no
    limit.
    """

    def __init__(self, path: Path, controllers: Collection[str] = ()) -> None:
        self.path = path
        self.controllers = frozenset(controllers)

    def __repr__(self) -> str:
        return f"<Cgroup {self.path.name} {' '.join(sorted(self.controllers)) or 'no controllers'}>"

    @property
    def door(self) -> str:
        """The file to which a process writes 0 to join the group, with everything that it starts from then on."""
        return str(self.path / PROCESSES)

    def members(self) -> set[int]:
        """The pids of all members, also of groups that an agent made inside its own."""
        found: set[int] = set()
        for path in self._tree():
            # A group that shows its members by thread only (ENOTSUP) has them listed in the one above it.
            with suppress(ValueError), _unless_exhausted():
                found.update(int(line) for line in (path / PROCESSES).read_text().split())
        return found

    def kill(self) -> None:
        """SIGKILL to all members at once, also to those that are being started. Kernels before 5.14 cannot do it."""
        with _unless_exhausted():
            (self.path / "cgroup.kill").write_text("1")

    def remove(self) -> bool:
        """False while a member runs."""
        for path in reversed(self._tree()):
            with suppress(FileNotFoundError):
                try:
                    path.rmdir()
                except OSError:
                    return False
        return True

    def _tree(self) -> list[Path]:
        """This group and those inside it, parents first."""
        return [Path(directory) for directory, _, _ in os.walk(self.path, onerror=_raise_exhausted)]

    def impose(self, limits: Limits) -> None:
        """Raises OSError when the kernel refuses."""
        if limits.memory and "memory" in self.controllers:
            (self.path / "memory.max").write_text(str(limits.memory))
            # Without this the kernel ends one process of the agent, and the others continue in an unknown state.
            (self.path / "memory.oom.group").write_text("1")
            with suppress(OSError):  # there is no swap
                (self.path / "memory.swap.max").write_text("0")
        if limits.processes and "pids" in self.controllers:
            (self.path / "pids.max").write_text(str(limits.processes))

    def hit(self, limits: Limits) -> Hit | None:
        """The limit because of which the kernel refused or ended something already."""
        if limits.memory and "memory" in self.controllers and self._count("memory.events", "oom_kill"):
            return Hit("memory", limits.memory, self._number("memory.peak") or limits.memory)
        if limits.processes and "pids" in self.controllers and self._count("pids.events", "max"):
            return Hit("process", limits.processes, self._number("pids.peak") or limits.processes)
        return None

    def cpu(self) -> float | None:
        """Seconds of CPU time of all members, also dead ones; None when the kernel does not tell."""
        used = self._count("cpu.stat", "usage_usec")
        return None if used is None else used / 1_000_000

    def _count(self, file: str, name: str) -> int | None:
        for line in self._read(file).splitlines():
            key, _, value = line.partition(" ")
            if key == name and value.isdecimal():
                return int(value)
        return None

    def _number(self, file: str) -> int | None:
        text = self._read(file).strip()
        return int(text) if text.isdecimal() else None

    def _read(self, file: str) -> str:
        try:
            return (self.path / file).read_text()
        except OSError:
            return ""


@contextmanager
def _unless_exhausted() -> Generator[None]:
    """Ignores that a group, or a file of it, does not exist."""
    try:
        yield
    except OSError as error:
        _raise_exhausted(error)


def _raise_exhausted(error: OSError) -> None:
    if exhausted(error):
        raise error
