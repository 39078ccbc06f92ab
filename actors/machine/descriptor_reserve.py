"""The descriptor reserve: descriptors that the daemon keeps for its own work, above all for ending agents.

The daemon must be able to end what it started, also when its descriptors or threads are used up. Work that has to
succeed is given to :meth:`DescriptorReserve.run`. It is done in a worker thread while there are enough resources, and
otherwise at once in the event loop, with the reserve released: in the loop no other code can take the descriptors,
because no connection is accepted meanwhile.

A thread with a descriptor table of its own (``close_range`` with ``CLOSE_RANGE_UNSHARE``) would be simpler. But
Python's collector runs in any thread, and would close there, by number, what was opened in another table.
"""

import errno
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

import trio

WORKERS = 8
"""Threads at once. A limiter of our own: requests that wait for a disk may hold all of trio's default one."""

EXHAUSTION = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS})

NO_THREAD = "can't start new thread"
"""Python's message, in a RuntimeError, when the system gives no thread."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Exhausted(Exception):
    """Descriptors, threads or memory are used up, and the reserve did not help. The cause is the machine or the limits
    that the daemon runs under. The same work may succeed later."""


def exhausted(error: BaseException) -> bool:
    """Whether the error means that a resource is used up; then it says nothing about the operation itself."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in EXHAUSTION)


async def thread_or_here(work: Callable[[], T]) -> T:
    """Do it in a worker thread, or at once in the loop when the system gives no thread: for clean-up that needs no
    descriptor."""
    try:
        return await trio.to_thread.run_sync(work, limiter=trio.CapacityLimiter(1))
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
    return work()


class DescriptorReserve:
    """``size`` descriptors, from :meth:`fill` to :meth:`close`. One for the whole daemon; used in the loop's thread and
    in signal handlers there."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._spares: list[int] = []
        self._lent = 0
        self._workers = trio.CapacityLimiter(WORKERS)

    def __repr__(self) -> str:
        return f"<DescriptorReserve {len(self._spares)}/{self._size} lent={self._lent}>"

    @property
    def held(self) -> int:
        """How many descriptors it holds now."""
        return len(self._spares)

    def fill(self) -> bool:
        """Open the descriptors, as many as possible. True when it has all of them."""
        try:
            while len(self._spares) < self._size:
                self._spares.append(os.dup(self._spares[0]) if self._spares else os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptors. Needs no resource, and is safe in a signal handler that interrupts it."""
        while self._spares:
            os.close(self._spares.pop())

    @contextmanager
    def lent(self) -> Generator[None]:
        """Inside, the descriptors are free for any code. Do not await in it. Afterwards the reserve is filled again, as
        soon as there are descriptors."""
        self._lent += 1
        self.close()
        try:
            yield
        finally:
            self.fill()

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do ``work`` in a thread; when a resource is used up, do it again in the loop with the reserve released. So
        it must be short, must raise the OSError that says what is used up, and must tolerate a second start. Raises
        :class:`Exhausted`."""
        begun = False

        def work_there() -> T:
            nonlocal begun
            begun = True
            return work(*args)

        self.fill()
        try:
            return await trio.to_thread.run_sync(work_there, limiter=self._workers)
        except RuntimeError as error:
            if begun or str(error) != NO_THREAD:
                raise
        except (OSError, MemoryError) as error:
            if not exhausted(error):
                raise
        return self.run_here(work, *args)

    def run_here(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do ``work`` at once, with the reserve released. Raises :class:`Exhausted`."""
        with self.lent():
            try:
                return work(*args)
            except (OSError, MemoryError) as error:
                if exhausted(error):
                    raise Exhausted(f"not enough descriptors, threads or memory: {error}") from error
                raise
