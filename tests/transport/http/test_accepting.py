"""Accepting where descriptors come and go: each connection that leaves lets one in, and then there is none again."""

import errno
from typing import cast

import structlog.testing
import trio
import trio.testing

from sandbox_agent.transport.http.accepting import QUIET, Accepting

ROUNDS = 500


class Flooded:
    """A listener that gives a connection at every second try, until it has given ``count``."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._full = False

    async def __aenter__(self) -> None:
        await trio.lowlevel.checkpoint()

    async def __aexit__(self, *_: object) -> None:
        await trio.lowlevel.checkpoint()

    async def accept(self) -> trio.SocketStream:
        await trio.lowlevel.checkpoint()
        if not self._left:
            await trio.sleep_forever()
        self._full = not self._full
        if self._full:
            raise OSError(errno.EMFILE, "Too many open files")
        self._left -= 1
        return cast("trio.SocketStream", object())


async def test_a_flood_under_which_descriptors_come_and_go_is_not_told_again_and_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    served: list[object] = []
    done = trio.Event()

    async def handle(stream: object) -> None:
        await trio.lowlevel.checkpoint()
        served.append(stream)
        if len(served) == ROUNDS:
            done.set()

    began = trio.current_time()
    with structlog.testing.capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            listener = cast("trio.SocketListener", Flooded(ROUNDS))
            nursery.start_soon(Accepting(handle).run, [listener], nursery)
            await done.wait()
            nursery.cancel_scope.cancel()
    periods = 1 + (trio.current_time() - began) // QUIET
    for level in ("error", "info"):
        assert 1 <= len([line for line in lines if line["log_level"] == level]) <= periods
