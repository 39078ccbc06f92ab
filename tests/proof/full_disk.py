"""Two ways to fill the disk of a running daemon, and to make room again.

The limit on the size of a process's files works wherever tests run. A file system that is really full gives ENOSPC
instead of EFBIG; it is used where the tests may mount one.
"""

import os
import resource
import subprocess
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

SIZE = "24m"


class Disk(Protocol):
    def fill(self, pid: int) -> None: ...
    def free(self, pid: int) -> None:
        """``pid`` is 0 when that daemon has ended."""
        ...


class Limit:
    """No file of the daemon may grow, its log included."""

    def fill(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free(self, pid: int) -> None:
        if pid:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Ballast:
    """A file that takes all the room of a small file system."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "ballast"

    def fill(self, pid: int) -> None:
        with self._file.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def free(self, pid: int) -> None:
        self._file.unlink(missing_ok=True)


@contextmanager
def limit(data: Path) -> Generator[Disk]:
    yield Limit()


@contextmanager
def small_file_system(data: Path) -> Generator[Disk]:
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", data], check=True)
    try:
        yield Ballast(data)
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)


def ways(scratch: Path) -> list[Callable[[Path], AbstractContextManager[Disk]]]:
    """The ways that work on this machine. ``scratch`` must not exist."""
    if os.geteuid() == 0:
        with suppress(OSError, subprocess.CalledProcessError), small_file_system(scratch):
            return [limit, small_file_system]
    return [limit]
