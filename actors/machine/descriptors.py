"""Descriptors: how many files this process may have open, how many it has, and what that is enough for.

Whatever the daemon does needs some: a connection, an agent's pipes, a look at /proc. When the last one is gone nothing
works, not even ending an agent. So connections are bounded by what is left beside sessions, and an agent starts only
when enough stay free for the daemon's own work.
"""

import errno
import os
import resource
from contextlib import suppress

from attrs import frozen

from ...schema.settings import Settings
from .descriptor_reserve import DescriptorReserve

MOST = 1 << 20
"""The highest limit that is asked for: the kernel's usual most (fs.nr_open). Where an "unlimited" process may have a
thousand million, a child that closes what it does not need, number by number, would take minutes."""

SESSION = 5
"""What an agent that runs costs: two sockets, its terminal twice, and what tells its exit. Measured in
tests/cli/server/test_descriptors.py; an agent that is an HTTP server has its connections besides."""

BIRTH = 6
"""What is open only while an agent is started: the other ends of its sockets, its terminal's, and the way back."""


class Descriptors:
    """Of this process. ``inherited`` is the soft limit that it was started with, None until :meth:`raise_limit` has
    raised it: agents get that one, for a program that uses select(2) breaks with descriptors above 1,023."""

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
        """Let this process have as many as its hard limit allows. A system that refuses leaves it as it is."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            self.inherited = soft

    def used(self) -> int | None:
        """None where it cannot be known. Those that are held back for ending agents are as good as free: they are a
        part of what is reserved. Takes a millisecond for some thousands."""
        try:
            # Path costs twice as much. Less the one for this look.
            return len(os.listdir("/proc/self/fd")) - 1 - self._reserve.held  # noqa: PTH208
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return self.limit
            return None

    def require(self, count: int) -> None:
        """Raises :class:`OSError` as the kernel would when fewer than ``count`` are free."""
        used = self.used()
        if used is not None and self.limit - used < count:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def restore(self, pid: int) -> None:
        """Give a child the soft limit that it would have had. One that is gone needs none."""
        if self.inherited is not None:
            with suppress(OSError, ValueError):
                hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.inherited, hard))


@frozen
class Sizing:
    """What ``limit`` descriptors are shared out to: ``sessions`` are those whose agents can run at the same time."""

    limit: int
    connections: int
    sessions: int

    @classmethod
    def fit(cls, settings: Settings, limit: int, used: int) -> "Sizing":
        """``used`` are those that are open before the first connection. Sessions and connections share what is left
        after the reserve; neither takes more than half of it from the other."""
        left = max(limit - used - settings.reserved_descriptors, 2)
        wanted = settings.max_sessions * SESSION
        connections = max(1, min(settings.max_connections, max(left - wanted, left // 2)))
        return cls(limit, connections, min(settings.max_sessions, (left - connections) // SESSION))
