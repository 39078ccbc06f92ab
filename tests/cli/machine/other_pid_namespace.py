"""Run a program in a pid namespace of its own, below the /proc of this one: ``other_pid_namespace.py PROGRAM ARG…``.

So it is in a container that mounts its host's /proc. Signals go on to the program; its status is ours. Exits with 77
when the system forbids it.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
FORBIDDEN = 77


def enter() -> bool:
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWPID) == 0:
        return True
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    if not enter():
        sys.exit(FORBIDDEN)
    child = os.fork()
    if child == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
