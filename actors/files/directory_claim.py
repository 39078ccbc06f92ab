"""A claim: a directory that is in use is locked by the process that uses it, as long as that process runs.

The kernel releases the lock when the process ends, whatever ends it. The lock is visible in all containers that share
the file system, where a pid would mean nothing.
"""

import errno
import fcntl
import os
from pathlib import Path

NO_LOCKS = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF)
"""Errors of a file system that cannot lock a directory: there nothing can be claimed."""


class DirectoryClaim:
    """Held by the open file description. Programs that the process starts do not inherit it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    def __repr__(self) -> str:
        return f"<DirectoryClaim {self.path} {'held' if self._handle >= 0 else 'released'}>"

    @classmethod
    def take(cls, path: Path) -> "DirectoryClaim":
        """Raises OSError: BlockingIOError when another process has it, others when it is gone or cannot be locked."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(handle), path.stat()):
                raise FileNotFoundError(f"{path} was replaced while it was being locked")
        except BaseException:
            os.close(handle)
            raise
        return cls(path, handle)

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def take_left(path: Path) -> "DirectoryClaim | None":
    """Claim a directory that a dead process left, so that no other process claims it meanwhile. None when a running
    process has it. Where locks do not work, the returned claim holds no lock: there no process could have one."""
    try:
        return DirectoryClaim.take(path)
    except OSError as error:
        return DirectoryClaim(path, -1) if error.errno in NO_LOCKS else None
