"""Accepting: takes connections from the listeners, also after a time without free descriptors.

Without descriptors ``trio.serve_listeners`` tries again ten times a second, and logs a traceback each time.
"""

import errno
import math
from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio

from ...actors.public import Shortage

PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two tries; doubles."""

QUIET = 60.0
"""Seconds between two log lines about such times: when descriptors are scarce, there are many a second."""

_OUT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = structlog.get_logger("sandbox_agent.transport")


class Accepting:
    """``handle`` runs for each connection, in a nursery that may outlive this function."""

    def __init__(self, handle: Callable[[trio.SocketStream], Awaitable[None]]) -> None:
        self._handle = handle
        self._out_since: float | None = None
        self._told_at = -math.inf
        self._told = False

    def __repr__(self) -> str:
        return f"<Accepting {'out of descriptors' if self._out_since is not None else 'connections'}>"

    async def run(self, listeners: Sequence[trio.SocketListener], connections: trio.Nursery) -> None:
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept_all, listener, connections)

    async def _accept_all(self, listener: trio.SocketListener, connections: trio.Nursery) -> None:
        pause = PAUSE
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in _OUT_OF:
                        raise
                    self._note_outage(error)
                    await trio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    pause = PAUSE
                    self._note_success()
                    connections.start_soon(self._handle, stream)

    def _note_outage(self, error: OSError) -> None:
        now = trio.current_time()
        if self._out_since is None:
            self._out_since = now
        if not self._told and now - self._told_at >= QUIET:
            self._told, self._told_at = True, now
            _log.error("no connection can be accepted; those that come must wait", reason=str(Shortage.of(error)))

    def _note_success(self) -> None:
        if self._out_since is not None:
            if self._told:
                seconds = round(trio.current_time() - self._out_since, 1)
                _log.info("connections are accepted again", seconds=seconds)
            self._out_since, self._told = None, False
