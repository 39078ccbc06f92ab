"""The exit of a child: waits for it without reaping it, also where no pidfd can be had."""

import os

import trio

from .descriptor_reserve import exhausted


async def wait_exited(pid: int, interval: float) -> None:
    """Wait until this child has exited; no other code may wait for it. Its status must still be fetched.

    Old kernels, gVisor and some seccomp profiles have no pidfd_open, and some builds of Python no os.pidfd_open. There,
    and while descriptors are used up, the kernel is asked every ``interval`` seconds.
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
    """Needs neither a descriptor nor /proc. True also when the child was reaped already."""
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
