"""The daemon's own process, closed to programs of the same user.

The kernel shows a process to programs of the same user, in /proc: its environment and its arguments as they were at
exec, its memory and its open files. Agents are such programs, and a prompt may tell them to look. proc(5), prctl(2).
"""

import ctypes
import os
from collections.abc import Collection
from pathlib import Path

PR_SET_DUMPABLE = 4

_ARGUMENTS = 45
"""Index of ``arg_start`` in /proc/PID/stat, counted from the state; then come arg_end, env_start and env_end."""


def close_to_others() -> None:
    """From now on only root can read or trace this process. Programs that it starts can be read again after their exec.
    Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    # As longs, all five: an argument that is left out would have an undefined value.
    if libc.prctl(PR_SET_DUMPABLE, *(ctypes.c_long(0),) * 4) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def wipe(variables: Collection[str], secret: str | None) -> None:
    """Overwrite in /proc/PID/environ the values of ``variables``, and in /proc/PID/cmdline ``secret`` where it ends an
    argument. Everybody can read the latter. ``os.environ`` is not changed.

    They are overwritten in place, because a second exec without them would double the start's time. Raises OSError.
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
    """The NUL-terminated strings, each with its address. Empty where the kernel does not tell where they are."""
    if not 0 < start < end:
        return []
    found: list[tuple[int, bytes]] = []
    place = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        found.append((place, entry))
        place += len(entry) + 1
    return found
