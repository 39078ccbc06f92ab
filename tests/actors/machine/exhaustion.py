"""Using up what the system gives, in this process."""

import os
import resource
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch


def open_descriptors() -> list[int]:
    """Without the one that the look itself needs."""
    found = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    return [fd for fd in sorted(found) if _is_open(fd)]


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@contextmanager
def no_descriptors(left: int = 0) -> Generator[None]:
    """All descriptors but ``left`` are taken, as far as this process may have any."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_descriptors()) + 1 + left, limits[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(left):
            os.close(taken.pop())
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def no_threads() -> Generator[None]:
    """No thread can be started, and none is idle that would take up work. (RLIMIT_NPROC is no way to get there: it
    counts the processes of the user, and none of root's.)"""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    from trio._core._thread_cache import THREAD_CACHE

    with patch.object(threading.Thread, "start", refuse), patch.object(THREAD_CACHE, "_idle_workers", {}):
        yield
