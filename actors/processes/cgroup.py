"""A cgroup (version 2) of one agent: whoever is born in it stays in it, whatever it does to its parents, its session
or its environment. Format: the kernel's Documentation/admin-guide/cgroup-v2.rst.

A group tells who belongs to an agent and kills them all at once, wherever the daemon may make groups. The memory and
pids controllers, where they are handed down to us, make the kernel itself hold the limits.
"""

import os
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..machine.descriptor_reserve import exhausted
from .limits import Hit, Limits

PROCESSES = "cgroup.procs"


class Cgroup:
    """Every method reads or writes a few files of the kernel's: call it off the event loop. Those that tell or end its
    members raise OSError when descriptors or memory are used up.

    ``controllers`` are those that hold limits here. A group that is gone has no members and has hit nothing.
    """

    def __init__(self, path: Path, controllers: Collection[str] = ()) -> None:
        self.path = path
        self.controllers = frozenset(controllers)

    def __repr__(self) -> str:
        return f"<Cgroup {self.path.name} {' '.join(sorted(self.controllers)) or 'no controllers'}>"

    @property
    def door(self) -> str:
        """A process that writes 0 here is in the group, with all that it starts from then on."""
        return str(self.path / PROCESSES)

    def members(self) -> set[int]:
        """Pids, also of groups that an agent made inside of its own."""
        found: set[int] = set()
        for path in self._tree():
            # A group that shows its members by thread only (ENOTSUP) has them listed in the one above it.
            with suppress(ValueError), _unless_exhausted():
                found.update(int(line) for line in (path / PROCESSES).read_text().split())
        return found

    def kill(self) -> None:
        """SIGKILL to all members at once, also those that are being born. Older kernels (before 5.14) cannot."""
        with _unless_exhausted():
            (self.path / "cgroup.kill").write_text("1")

    def remove(self) -> bool:
        """False while a member lives."""
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
            # Without this the kernel ends one process of the agent's, and the rest goes on in an unknown state.
            (self.path / "memory.oom.group").write_text("1")
            with suppress(OSError):  # there is no swap
                (self.path / "memory.swap.max").write_text("0")
        if limits.processes and "pids" in self.controllers:
            (self.path / "pids.max").write_text(str(limits.processes))

    def hit(self, limits: Limits) -> Hit | None:
        """What the kernel has refused or ended already."""
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
    """A group, or a file of it, that is not there is no trouble."""
    try:
        yield
    except OSError as error:
        _raise_exhausted(error)


def _raise_exhausted(error: OSError) -> None:
    if exhausted(error):
        raise error
