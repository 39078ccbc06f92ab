"""The stream below TLS. It writes with the connection's own function, which measures what the client takes."""

from collections.abc import Awaitable, Callable

import trio


class Wire(trio.abc.Stream):
    """``write`` writes all of a block, or raises :class:`OSError`."""

    def __init__(self, stream: trio.SocketStream, write: Callable[[memoryview], Awaitable[None]]) -> None:
        self._stream = stream
        self._write = write

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._write(memoryview(data))
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


Secure = trio.SSLStream[Wire]
