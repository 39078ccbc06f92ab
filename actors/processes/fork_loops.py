"""Orphans that fork and exit faster than a look at /proc takes, found and stopped.

The daemon is a child subreaper: whoever loses its parent becomes its child. The kernel lists the children of a thread
in one short file, so many looks fit into the life of such a process, and one that is stopped in it forks no more.

Whose it is tells a tag that every process inherits and that none can take off by clearing its environment: the hard
limit RLIMIT_LOCKS, which no kernel since 2.4.25 uses for anything else. It can be lowered, and raised by root alone.
getrlimit(2), proc_pid_task_children(5).
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
"""So many in a row must show nobody new."""

PAUSE = 0.0005
"""Seconds between them."""


def new_tag() -> int | None:
    """For one agent. None where a process could not be given one: ours is lower already."""
    _, hard = resource.getrlimit(RLIMIT_LOCKS)
    most = MOST_TAG if hard == resource.RLIM_INFINITY else min(hard, MOST_TAG)
    return LEAST_TAG + secrets.randbelow(most - LEAST_TAG) if most > LEAST_TAG else None


def put_on(tag: int) -> None:
    """This process, and all that comes from it. Raises OSError or ValueError."""
    resource.setrlimit(RLIMIT_LOCKS, (tag, tag))


def end_fork_loops(tag: int | None, seconds: float) -> bool:
    """SIGKILL to our children that carry the tag, or to all with None. Each is stopped as soon as it is seen, until
    some looks show nobody new. False when that was not reached in time: somebody may have escaped. Blocks so long;
    with nobody there, some milliseconds. Raises OSError when descriptors or memory are used up."""
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
                # Their own children become ours, and are seen, when they are dead.
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
    """No child of ours has its pid given to another before we have waited for it."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False  # somebody has waited for it


def _children() -> list[int]:
    """Of the main thread, dead ones too; none where the kernel does not tell (CONFIG_PROC_CHILDREN)."""
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
    except PermissionError:  # another user's, and we may not set its limits: that they are read is allowed to all
        return _told_tag(pid)
    except (OSError, ValueError):
        return None


def _told_tag(pid: int) -> int | None:
    """As /proc tells it; some ten times slower."""
    try:
        for line in Path(f"/proc/{pid}/limits").read_bytes().splitlines():
            if line.startswith(b"Max file locks"):
                hard = line.split()[4]
                return int(hard) if hard.isdigit() else None
    except OSError as error:
        if exhausted(error):
            raise
    return None
