"""The lock of a data directory: one daemon at a time, and the second is told who has it."""

import fcntl
import os
from pathlib import Path

from ..kernel.supervisor import GaveUp

NAME = "daemon.lock"


class DataDirectoryRefused(GaveUp):
    """The caller's to mend: the data directory is another daemon's, cannot be written, or is too new for us."""


class DirectoryLock:
    """Held by the open file description, so it ends with the process however that ends. Agents do not inherit it."""

    def __init__(self, handle: int, path: Path) -> None:
        self._handle = handle
        self.path = path

    def __repr__(self) -> str:
        return f"<DirectoryLock {self.path} {'held' if self._handle >= 0 else 'released'}>"

    @classmethod
    def take(cls, directory: Path) -> "DirectoryLock":
        """Makes the directory, for our user alone. Raises :class:`DataDirectoryRefused`."""
        path = directory / NAME
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirectoryRefused(
                f"cannot use the data directory {directory}: {error.strerror}; name another with --data-dir, "
                f"or keep nothing with --ephemeral"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            os.close(handle)
            raise DataDirectoryRefused(
                f"the data directory {directory} is in use by another daemon (pid {holder or 'unknown'}); stop it, "
                f"name another directory with --data-dir, or keep nothing with --ephemeral"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return cls(handle, path)

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
