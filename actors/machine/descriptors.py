"""Descriptors: how many files this process may open, how many are open, and what that is enough for.

Everything that the daemon does needs descriptors: a connection, an agent's sockets, a look at /proc. Without any,
nothing works, not even ending an agent. So connections are bounded by what is left beside sessions, and an agent starts
only when enough stay free for the daemon's own work.
"""

import errno
import os
import resource
from contextlib import suppress

from attrs import frozen

from ...schema.settings import Settings
from .descriptor_reserve import DescriptorReserve

MOST = 1 << 20
"""The highest limit that is asked for: the kernel's usual maximum (fs.nr_open). With the thousand million that an
"unlimited" process may have, a child that closes inherited descriptors number by number would take minutes."""

SESSION = 5
"""Descriptors of a running agent: two sockets, its terminal twice, and its pidfd. Measured in
tests/cli/server/test_descriptors.py; an agent that is an HTTP server also has its connections."""

BIRTH = 6
"""More descriptors that are open only while an agent is started: the other ends of its sockets and of its terminal, and
the pipe that reports errors of the child."""


class Descriptors:
    """The descriptors of this process. ``inherited`` is the soft limit that it was started with, None until
    :meth:`raise_limit` has raised it. Agents get that one: a program that uses select(2) breaks with descriptors above
    1,023."""

    def __init__(self, reserve: DescriptorReserve) -> None:
        self.inherited: int | None = None
        self._reserve = reserve

    def __repr__(self) -> str:
        return f"<Descriptors limit={self.limit} inherited={self.inherited}>"

    @property
    def limit(self) -> int:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return MOST if soft == resource.RLIM_INFINITY else soft

    def raise_limit(self) -> None:
        """Raise the soft limit to the hard limit. When the system refuses, it stays as it is."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            self.inherited = soft

    def used(self) -> int | None:
        """How many are open; None where it cannot be known. The descriptors of the reserve count as free: they are
        part of what is reserved. Takes a millisecond for some thousands."""
        try:
            # Path costs twice as much. Minus the one for this look.
            return len(os.listdir("/proc/self/fd")) - 1 - self._reserve.held  # noqa: PTH208
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return self.limit
            return None

    def require(self, count: int) -> None:
        """Raises the :class:`OSError` of the kernel when fewer than ``count`` are free."""
        used = self.used()
        if used is not None and self.limit - used < count:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def restore(self, pid: int) -> None:
        """Give a child the soft limit that the daemon was started with. A child that is gone is ignored."""
        if self.inherited is not None:
            with suppress(OSError, ValueError):
                hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.inherited, hard))


@frozen
class Sizing:
    """How ``limit`` descriptors are divided. ``sessions`` is how many agents can run at the same time."""

    limit: int
    connections: int
    sessions: int

    @classmethod
    def fit(cls, settings: Settings, limit: int, used: int) -> "Sizing":
        """``used`` descriptors are open before the first connection. Sessions and connections share what is left after
        the reserve; when both need more than there is, each has half."""
        left = max(limit - used - settings.reserved_descriptors, 2)
        wanted = settings.max_sessions * SESSION
        connections = max(1, min(settings.max_connections, max(left - wanted, left // 2)))
        return cls(limit, connections, min(settings.max_sessions, (left - connections) // SESSION))
