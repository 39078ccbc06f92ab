"""The reserve: descriptors that the daemon keeps for its own work, above all for ending agents.

Whoever uses up the daemon's descriptors or threads must not keep it from ending what it started. Work that has to
succeed is given to :meth:`DescriptorReserve.run`: it is done in a worker thread as long as the machine gives what it
needs, and otherwise at once in the event loop, with the reserve opened. In the loop, because there nobody else takes
what is opened: no connection is accepted meanwhile.

A thread with a table of descriptors of its own (``close_range`` with ``CLOSE_RANGE_UNSHARE``) would have been simpler.
But Python's collector runs in any thread, and would close there, by number, what was opened in another table.
"""

import errno
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

import trio

WORKERS = 8
"""Threads at once. Our own limiter: the one that all of trio shares may be held by requests that wait for a disk."""

EXHAUSTION = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS})

NO_THREAD = "can't start new thread"
"""What Python says, as a RuntimeError, when the system gives no thread."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Exhausted(Exception):
    """Descriptors, threads or memory are used up, and the reserve did not help: the machine's fault, or that of the
    limits that we run under. Later the same may succeed."""


def exhausted(error: BaseException) -> bool:
    """Whether this says that something is used up, and nothing about what was tried."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in EXHAUSTION)


async def thread_or_here(work: Callable[[], T]) -> T:
    """In a worker thread, or at once in the loop when the system gives none: for what has to be put away, and takes no
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
        """How many it has just now."""
        return len(self._spares)

    def fill(self) -> bool:
        """Take the descriptors, as many as there are; whether it has all of them."""
        try:
            while len(self._spares) < self._size:
                self._spares.append(os.dup(self._spares[0]) if self._spares else os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give the descriptors back. Needs nothing, and may interrupt itself."""
        while self._spares:
            os.close(self._spares.pop())

    @contextmanager
    def lent(self) -> Generator[None]:
        """The descriptors are free meanwhile, for whoever is first. Do not await in it. What others took is taken back
        as soon as there are descriptors again."""
        self._lent += 1
        self.close()
        try:
            yield
        finally:
            self.fill()

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Do ``work`` off the loop; when something is used up, once more in the loop with the reserve. So it must be
        short, must raise the OSError that says what is used up, and may be begun twice. Raises :class:`Exhausted`."""
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
        """At once, with the reserve. Raises :class:`Exhausted`."""
        with self.lent():
            try:
                return work(*args)
            except (OSError, MemoryError) as error:
                if exhausted(error):
                    raise Exhausted(f"not enough descriptors, threads or memory: {error}") from error
                raise
