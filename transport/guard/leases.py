"""Leases: each open stream has one for its token, and ends when the token is no longer valid.

A stream checks its lease before each write, which is one attribute. A stream that waits is cancelled.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import trio
from attrs import define, field

from ...actors.public import Grant, TokenKeeper
from ...schema.access.tokens import StreamEnded, StreamEndReason

LOOK = 0.5
"""Seconds between two looks at the wall clock, by which tokens expire: it may be set, so a timer would be wrong."""

MESSAGES: dict[StreamEndReason, str] = {
    "token_revoked": "the token of this stream was revoked",
    "token_expired": "the token of this stream has expired",
}


@define(eq=False)
class Lease:
    """``over`` is why the stream must end, or None. ``waiting`` is the scope to cancel then."""

    grant: Grant
    over: StreamEndReason | None = None
    waiting: set[trio.CancelScope] = field(factory=set[trio.CancelScope])

    def end(self, reason: StreamEndReason) -> None:
        self.over = reason
        for scope in self.waiting:
            scope.cancel()

    def last_frame(self) -> StreamEnded:
        assert self.over is not None, "it still holds"  # noqa: S101
        return StreamEnded(self.over, MESSAGES[self.over])


Hold = AbstractContextManager[Lease | None]
"""A lease while the block runs; None where no token is demanded."""


class Leases:
    def __init__(self, keeper: TokenKeeper) -> None:
        self._keeper = keeper
        self._open: set[Lease] = set()
        self._expiring = trio.Event()

    def __repr__(self) -> str:
        return f"<Leases {len(self._open)}>"

    @contextmanager
    def held(self, grant: Grant) -> Generator[Lease]:
        """A lease while the block runs."""
        lease = Lease(grant, self._keeper.over(grant))
        self._open.add(lease)
        if grant.expires_ms is not None:
            self._expiring.set()
        try:
            yield lease
        finally:
            self._open.discard(lease)

    async def run(self) -> None:
        """End leases of tokens that were revoked or have expired, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_revoked)
            nursery.start_soon(self._end_expired)

    async def _end_revoked(self) -> None:
        while True:
            await self._keeper.wait_changed()
            self._look()

    async def _end_expired(self) -> None:
        """Sleeps without a limit while no stream has a token that expires."""
        while True:
            await self._expiring.wait()
            self._look()
            if not any(lease.grant.expires_ms is not None for lease in self._open):
                self._expiring = trio.Event()
            else:
                await trio.sleep(LOOK)

    def _look(self) -> None:
        for lease in self._open:
            if lease.over is None and (reason := self._keeper.over(lease.grant)) is not None:
                lease.end(reason)
