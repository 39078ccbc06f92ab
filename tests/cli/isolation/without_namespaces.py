"""Run a program where no user namespace can be made: ``without_namespaces.py PROGRAM ARGUMENT…``. It is in one itself,
whose own limit is set to none (user_namespaces(7)). Where none can be made anyway, it is run as it is."""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000

if __name__ == "__main__":
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.execv(sys.argv[1], sys.argv[1:])
