"""The daemon's own process, closed to programs of the same user.

The kernel shows a process to its own user in /proc: its environment and its arguments as they were at exec, its memory
and its open files. Agents are such programs, and prompts may tell them to look. proc(5), prctl(2).
"""

import ctypes
import os
from collections.abc import Collection
from pathlib import Path

PR_SET_DUMPABLE = 4

_ARGUMENTS = 45
"""Place of ``arg_start`` in /proc/PID/stat, counted from the state; then come arg_end, env_start and env_end."""


def close_to_others() -> None:
    """From now on only root can read or trace this process. What it starts is open again from its exec on. Raises
    OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    # As longs: what is left out would be whatever stands in the registers.
    if libc.prctl(PR_SET_DUMPABLE, *(ctypes.c_long(0),) * 4) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def wipe(variables: Collection[str], secret: str | None) -> None:
    """Overwrite the values of ``variables``, and ``secret`` where it ends an argument, as they stand in
    /proc/PID/environ and /proc/PID/cmdline. Everybody can read the latter. ``os.environ`` keeps what it has.

    In place, because a program that is begun again without them would start twice as slowly. Raises OSError.
    """
    for name in variables:
        if name in os.environ:
            os.environ[name] = os.environ[name]  # the C library gets a copy of its own
    stat = Path("/proc/self/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    arg_start, arg_end, env_start, env_end = map(int, fields[_ARGUMENTS : _ARGUMENTS + 4])
    names = {os.fsencode(name) for name in variables}
    for address, entry in _entries(env_start, env_end):
        name, equals, value = entry.partition(b"=")
        if equals and name in names:
            ctypes.memset(address + len(name) + 1, ord("*"), len(value))
    if secret:
        word = os.fsencode(secret)
        for address, entry in _entries(arg_start, arg_end):
            if entry.rstrip().endswith(word):
                ctypes.memset(address + len(entry.rstrip()) - len(word), ord("*"), len(word))


def _entries(start: int, end: int) -> list[tuple[int, bytes]]:
    """Strings that end with NUL, each with its address. None where the kernel does not tell where they are."""
    if not 0 < start < end:
        return []
    found: list[tuple[int, bytes]] = []
    place = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        found.append((place, entry))
        place += len(entry) + 1
    return found
