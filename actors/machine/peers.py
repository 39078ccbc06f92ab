"""The peer of a unix socket, as the kernel reports it, and whether it is a process of an agent."""

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

import trio

from .proc_visibility import PROC, look

MOST_GENERATIONS = 100
"""How many generations of parents are followed."""

_CREDENTIALS = struct.Struct("iII")
"""pid, uid and gid: struct ucred, unix(7)."""


def peer_pid(connection: trio.SocketStream) -> int:
    """The peer's pid; 0 when it has none in our pid namespace."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(said)[0])


def descends_from(pid: int, ancestor: int, proc: str = PROC) -> bool:
    """Whether the process is ``ancestor``, or descends from it by living parents. The ancestor must be a child of ours
    that was not reaped.

    No other sign of a tree counts here: any program of the same user can have the marker in its environment. Where
    /proc does not help, the process must be in the ancestor's session. Takes some microseconds for each generation.
    """
    with suppress(OSError, ValueError, IndexError):
        if look(proc).blind:
            return os.getsid(pid) == ancestor
        for _ in range(MOST_GENERATIONS):
            if pid == ancestor:
                return True
            if pid <= 1:
                return False
            stat = Path(f"{proc}/{pid}/stat").read_bytes()
            pid = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return False
