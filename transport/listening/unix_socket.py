"""A unix socket that only its user can reach, in a directory in which no other user can replace it.

Two daemons that start at the same time are separated by a lock of the directory. The socket of a dead daemon is
replaced; where a running one listens, the start is refused.
"""

import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio
from attrs import frozen

from .peer import Credentials
from .unix_address import UnixAddress

MODE = 0o600
LOCK_WAIT = 5.0
"""Seconds to wait for another daemon that is binding or removing its socket in the same directory."""
LOOK = 0.05


class SocketRefused(OSError):
    """Its text is a whole sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EADDRNOTAVAIL, reason)


@frozen
class UnixSocket:
    """``inode`` distinguishes our socket from one that replaced it."""

    listener: trio.SocketListener
    path: Path
    inode: tuple[int, int]

    def remove(self) -> None:
        """Remove it, unless it is another process's by now."""
        with suppress(OSError), _locked(self.path.parent):
            if _inode(self.path.lstat()) == self.inode:
                self.path.unlink()


def listen(address: UnixAddress, backlog: int) -> UnixSocket:
    """Blocks for :data:`LOCK_WAIT` seconds at most. Raises :class:`OSError`."""
    directory = Path(os.path.realpath(Path(address.path).parent))
    make_safe(directory)
    path = directory / Path(address.path).name
    with _locked(directory):
        _clear(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(address.path)
            path.chmod(MODE)  # nobody can connect before listen()
            bound.listen(backlog)
            bound.setblocking(False)
            found = _inode(path.lstat())
        except BaseException:
            bound.close()
            raise
    return UnixSocket(trio.SocketListener(trio.socket.from_stdlib_socket(bound)), path, found)


def make_safe(directory: Path) -> None:
    """Makes missing directories, for our user only. Raises :class:`SocketRefused` where another user could replace our
    socket, and :class:`OSError`."""
    for missing in reversed([where for where in (directory, *directory.parents) if not where.exists()]):
        missing.mkdir(0o700, exist_ok=True)
    for where in (directory, *directory.parents):
        status = where.stat()
        if status.st_uid not in (0, os.geteuid()):
            raise SocketRefused(f"{where} is another user's (uid {status.st_uid}): choose a directory of your own")
        loose = status.st_mode & 0o022
        if loose and (where == directory or not status.st_mode & stat.S_ISVTX):
            raise SocketRefused(
                f"others may write into {where} (mode {stat.S_IMODE(status.st_mode):04o}), and could put a socket of "
                "theirs in place of the daemon's: choose a directory of your own, or name one below it, which is made"
            )


def _clear(path: Path) -> None:
    """Remove an old socket from the path. Raises :class:`SocketRefused`."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise SocketRefused(f"{path} is there already, and is no socket: choose another name, or remove it")
    if (living := _who_listens(path)) is not None:
        raise SocketRefused(f"{living} listens at {path}: stop it, or choose another name")
    path.unlink()


def _who_listens(path: Path) -> str | None:
    """The process that listens there; None when the socket was left by a process that has ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return None
        except BlockingIOError:  # it has more connections waiting than it takes
            return "another process"
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SocketRefused(f"whether somebody listens at {path} cannot be told: {error.strerror}") from error
        return f"pid {Credentials.of(asking).pid}"


@contextmanager
def _locked(directory: Path) -> Generator[None]:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise SocketRefused(
                        f"another process has locked {directory}: is a daemon starting there?"
                    ) from None
                time.sleep(LOOK)
        yield
    finally:
        os.close(handle)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
