"""The peer of a connection: its address, and on a unix socket its user, as the kernel reports it."""

import os
import socket
import struct
from typing import Protocol

from attrs import frozen

UNIX = "unix"
"""The address of every client of a unix socket: they are all of one user."""

_UCRED = struct.Struct("3i")


class Connected(Protocol):
    @property
    def family(self) -> int: ...
    def getpeername(self) -> object: ...
    def getsockname(self) -> object: ...
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


@frozen
class Credentials:
    """Of the process that connected, or that listens, at the time when it did (unix(7), SO_PEERCRED)."""

    pid: int
    uid: int

    @classmethod
    def of(cls, connected: Connected) -> "Credentials":
        """Raises :class:`OSError`."""
        pid, uid, _ = _UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return cls(pid, uid)

    @property
    def is_ours(self) -> bool:
        """Whether it is our user or root, who can become any user. A uid that a namespace hides is neither."""
        return self.uid in (os.geteuid(), 0)


def client_of(connected: Connected) -> tuple[str, int]:
    """Raises :class:`OSError` when it has left already."""
    return _pair(connected, connected.getpeername())


def server_of(connected: Connected) -> tuple[str, int]:
    return _pair(connected, connected.getsockname())


def _pair(connected: Connected, name: object) -> tuple[str, int]:
    if connected.family == socket.AF_UNIX:
        return UNIX, 0
    assert isinstance(name, tuple)  # noqa: S101 - of an internet socket it is
    return str(name[0]), int(name[1])  # pyright: ignore[reportUnknownArgumentType]
