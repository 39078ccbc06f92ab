"""Fork loops: finds and stops orphans that fork and exit faster than a look at /proc takes.

The daemon is a child subreaper: a process that loses its parent becomes its child. The kernel lists the children of a
thread in one short file, which can be read many times while such a process runs. A process that is stopped then does
not fork any more.

A tag says to which agent a process belongs. Every process inherits it, and clearing the environment does not remove it:
the hard limit RLIMIT_LOCKS, which no kernel since 2.4.25 uses for anything else. It can be lowered, and raised only by
root. getrlimit(2), proc_pid_task_children(5).
"""

import os
import resource
import secrets
import signal
import time
from contextlib import suppress
from pathlib import Path

from ..machine.descriptor_reserve import exhausted

RLIMIT_LOCKS = 10
LEAST_TAG, MOST_TAG = 1 << 20, 1 << 50

QUIET_LOOKS = 8
"""How many looks in a row must show no new process."""

PAUSE = 0.0005
"""Seconds between two looks."""


def new_tag() -> int | None:
    """A tag for one agent. None when a process cannot be given one: our own limit is lower already."""
    _, hard = resource.getrlimit(RLIMIT_LOCKS)
    most = MOST_TAG if hard == resource.RLIM_INFINITY else min(hard, MOST_TAG)
    return LEAST_TAG + secrets.randbelow(most - LEAST_TAG) if most > LEAST_TAG else None


def put_on(tag: int) -> None:
    """Put the tag on this process and its later descendants. Raises OSError or ValueError."""
    resource.setrlimit(RLIMIT_LOCKS, (tag, tag))


def end_fork_loops(tag: int | None, seconds: float) -> bool:
    """SIGKILL to our children that have the tag, or to all with None. Each is stopped as soon as it is seen, until some
    looks show no new one. False when that was not reached in time: a process may have escaped. Blocks for that time;
    without such children, some milliseconds. Raises OSError when descriptors or memory are used up."""
    until = time.monotonic() + seconds
    known: set[int] = set()
    stopped: set[int] = set()
    dying: set[int] = set()
    quiet = 0
    try:
        while quiet < QUIET_LOOKS or stopped or dying:
            if time.monotonic() > until:
                return False
            new = set(_children()) - known
            known |= new
            found = {pid for pid in new if tag is None or _tag_of(pid) == tag}
            _signal(found, signal.SIGSTOP)
            stopped |= found
            if found:
                quiet = 0
                continue
            quiet += 1
            if quiet >= QUIET_LOOKS and stopped:
                # When they are dead, their children become ours and are seen.
                _signal(stopped, signal.SIGKILL)
                dying |= stopped
                stopped = set[int]()
                quiet = 0
            dying = {pid for pid in dying if _lives(pid)}
            time.sleep(PAUSE)
        return True
    finally:
        _signal(stopped, signal.SIGKILL)


def _signal(pids: set[int], number: signal.Signals) -> None:
    """Signal a child of ours. Its pid cannot be reused before we have waited for it."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False  # it was reaped already


def _children() -> list[int]:
    """The children of the main thread, dead ones too; empty where the kernel has no such list
    (CONFIG_PROC_CHILDREN)."""
    me = os.getpid()
    try:
        return [int(word) for word in Path(f"/proc/{me}/task/{me}/children").read_bytes().split()]
    except OSError as error:
        if exhausted(error):
            raise
        return []


def _tag_of(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, RLIMIT_LOCKS)[1]
    except PermissionError:  # another user's, whose limits we may not set: all users may read them
        return _told_tag(pid)
    except (OSError, ValueError):
        return None


def _told_tag(pid: int) -> int | None:
    """The tag from /proc; some ten times slower."""
    try:
        for line in Path(f"/proc/{pid}/limits").read_bytes().splitlines():
            if line.startswith(b"Max file locks"):
                hard = line.split()[4]
                return int(hard) if hard.isdigit() else None
    except OSError as error:
        if exhausted(error):
            raise
    return None
