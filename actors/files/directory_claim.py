"""A claim: a directory that is in use is locked by the process that uses it, for as long as that process lives.

The kernel takes the lock back with the process, however that ends, and tells of it across containers that share the
file system, where a pid says nothing.
"""

import errno
import fcntl
import os
from pathlib import Path

NO_LOCKS = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EBADF)
"""What a file system answers that cannot lock a directory: then nothing in it is ever claimed."""


class DirectoryClaim:
    """Held by the open file description. Programs that the process starts do not inherit it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    def __repr__(self) -> str:
        return f"<DirectoryClaim {self.path} {'held' if self._handle >= 0 else 'released'}>"

    @classmethod
    def take(cls, path: Path) -> "DirectoryClaim":
        """Raises OSError: a BlockingIOError when somebody has it, others when it is gone or cannot be locked."""
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
    """Take what a process that died has left, so that nobody else takes it meanwhile. None when it is somebody's. Where
    locks do not work the claim is held by nobody: there nobody could have told that it lives."""
    try:
        return DirectoryClaim.take(path)
    except OSError as error:
        return DirectoryClaim(path, -1) if error.errno in NO_LOCKS else None
