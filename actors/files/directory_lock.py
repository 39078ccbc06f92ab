"""The lock of a data directory: one daemon at a time has it; a second one is refused and told the first one's pid."""

import fcntl
import os
from pathlib import Path

from ..kernel.supervisor import ChainFailed

NAME = "daemon.lock"


class DataDirectoryRefused(ChainFailed):
    """The data directory cannot be used: another daemon has it, it cannot be written, or a newer version wrote it. The
    operator must correct it."""


class DirectoryLock:
    """The lock belongs to the open file description, so it ends with the process, whatever ends that. Agents do not
    inherit it."""

    def __init__(self, handle: int, path: Path) -> None:
        self._handle = handle
        self.path = path

    def __repr__(self) -> str:
        return f"<DirectoryLock {self.path} {'held' if self._handle >= 0 else 'released'}>"

    @classmethod
    def take(cls, directory: Path) -> "DirectoryLock":
        """Makes the directory if needed, readable for our user only. Raises :class:`DataDirectoryRefused`."""
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
