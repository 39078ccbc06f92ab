"""The exit of a child: waited for without reaping it, also where the system has no pidfds, or none to spare."""

import os

import trio

from .descriptor_reserve import exhausted


async def wait_exited(pid: int, interval: float) -> None:
    """Until this child of ours, which nobody else waits for, has exited. Its status is still to be fetched.

    Old kernels, gVisor and some seccomp profiles have no pidfd_open, and some builds of Python no os.pidfd_open; there
    the kernel is asked every ``interval`` seconds. So it is while descriptors are used up.
    """
    possible = True
    while not has_exited(pid):
        if possible:
            try:
                await _readable(pid)
            except (AttributeError, OSError) as error:
                possible = exhausted(error)
            else:
                return
        await trio.sleep(interval)


def has_exited(pid: int) -> bool:
    """Takes neither a descriptor nor /proc. True also when it has been waited for already."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


async def _readable(pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)
