"""Whether /proc shows the processes of this machine, under the pids that this process sees."""

import errno
import os
from pathlib import Path

from attrs import frozen

from .descriptor_reserve import Exhausted, exhausted

PROC = "/proc"


class ProcNotVisible(Exception):
    """/proc does not show which processes there are, because of the machine's set-up. Looking again does not help."""


CANNOT_LOOK = (Exhausted, ProcNotVisible)
"""What a look at all processes raises when it is not possible, now or on this machine."""


@frozen
class ProcVisibility:
    """``trouble`` says in words what is wrong, and is empty when nothing is. When ``blind``, nothing in /proc can be
    relied on: a pid in it may be another process's."""

    trouble: str = ""
    blind: bool = False


def look(proc: str = PROC) -> ProcVisibility:
    """Takes some microseconds. Raises OSError when descriptors or memory are used up."""
    try:
        me = Path(proc, "self").readlink().name
    except OSError as error:
        if exhausted(error):
            raise
        return ProcVisibility(
            f"{proc} is not mounted, or shows another pid namespace: descendants of agents that leave their"
            " process group are not found, and may outlive their session",
            blind=True,
        )
    if me != str(os.getpid()):
        return ProcVisibility(
            f"{proc} shows another pid namespace ({me} for our pid {os.getpid()}): descendants of agents that"
            " leave their process group are not found, and may outlive their session",
            blind=True,
        )
    # Pid 1, the first process of a namespace, always exists.
    try:
        os.close(os.open(f"{proc}/1/stat", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        if exhausted(error):
            raise
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM):
            return ProcVisibility(
                f"{proc} hides the processes of other users (hidepid): descendants of agents that change their"
                " user are not found, and may outlive their session"
            )
    return ProcVisibility()
