"""Hooks: programs that an agent runs to ask whether a tool may run, and the socket on which they ask.

Each connection carries one request, a line of JSON, and gets one answer, a line of JSON: `{"allow": bool, "message":
str}`. A connection that ends before its answer is a hook that the agent has ended.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any

import msgspec
import trio
from attrs import define, field

from ..schema.agents.native import BAD_JSON, members, plain
from .private import PrivateDirectory
from .reserve import Reserve

SOCKET = "hook"
CHUNK = 1 << 16

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)

Asked = Callable[[str, Mapping[str, Any]], Awaitable[None]]
Gone = Callable[[str], Awaitable[None]]


@define(eq=False)
class _Waiting:
    """A hook that has asked, and its answer."""

    answer: bytes | None = None
    decided: trio.Event = field(factory=trio.Event)


class HookServer:
    """The socket of one agent process, in a directory that ends with it. ``max_request_bytes`` bounds a request; a
    longer one is refused unheard."""

    def __init__(
        self, directory: PrivateDirectory, listener: trio.SocketListener, max_request_bytes: int, reserve: Reserve
    ) -> None:
        self.directory = directory
        self._reserve = reserve
        self._listener = listener
        self._max_request_bytes = max_request_bytes
        self._ids = count(1)
        self._waiting: dict[str, _Waiting] = {}

    def __repr__(self) -> str:
        return f"<HookServer waiting={' '.join(self._waiting) or 'none'}>"

    @classmethod
    async def open(cls, max_request_bytes: int, owner: str, reserve: Reserve) -> "HookServer":
        """Hooks may ask from now on; they wait until :meth:`serve`. ``owner`` is the daemon's name beyond its life.
        Raises OSError."""
        directory = await PrivateDirectory.make(owner)
        with ExitStack() as failed:
            try:
                server = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
                failed.callback(server.close)
                # By the directory's handle: a socket's whole path must not be longer than some 100 bytes.
                handle = os.open(directory.path, os.O_PATH | os.O_DIRECTORY)
                try:
                    await server.bind(f"/proc/self/fd/{handle}/{SOCKET}")
                    server.listen()
                finally:
                    os.close(handle)
                listener = trio.SocketListener(server)
            except BaseException:
                with trio.CancelScope(shield=True):
                    await directory.remove(reserve)
                raise
            failed.pop_all()
        return cls(directory, listener, max_request_bytes, reserve)

    async def serve(self, asked: Asked, gone: Gone) -> None:
        """Tell of every hook that asks, and of every one that goes without its answer, until cancelled."""

        async def converse(stream: trio.SocketStream) -> None:
            await self._converse(stream, asked, gone)

        await trio.serve_listeners(converse, [self._listener])

    async def aclose(self) -> None:
        """Nobody can ask any more, and the directory goes. The agent must have exited."""
        self._listener.socket.close()
        await self.directory.remove(self._reserve)

    def answer(self, hook_id: str, *, allow: bool, message: str) -> None:
        """Let the hook go. It may be gone by now: then nothing happens."""
        waiting = self._waiting.get(hook_id)
        if waiting is not None and waiting.answer is None:
            waiting.answer = _line(allow, message)
            waiting.decided.set()

    async def _converse(self, stream: trio.SocketStream, asked: Asked, gone: Gone) -> None:
        async with stream:
            request = await self._read(stream)
            if request is None:
                with suppress(*_GONE):
                    await stream.send_all(_line(False, "this request cannot be read"))
                return
            hook_id = f"hook_{next(self._ids)}"
            waiting = self._waiting[hook_id] = _Waiting()
            try:
                await asked(hook_id, request)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until_closed, stream, nursery.cancel_scope)
                    await waiting.decided.wait()
                    nursery.cancel_scope.cancel()
            finally:
                del self._waiting[hook_id]
            if waiting.answer is None:
                await gone(hook_id)
                return
            with suppress(*_GONE):
                await stream.send_all(waiting.answer)

    async def _read(self, stream: trio.SocketStream) -> Mapping[str, Any] | None:
        """None for what is no JSON object, or is too long."""
        said = bytearray()
        with suppress(*_GONE):
            while b"\n" not in said and len(said) <= self._max_request_bytes:
                chunk = await stream.receive_some(CHUNK)
                if not chunk:
                    break
                said += chunk
        line, newline, _ = bytes(said).partition(b"\n")
        if not newline or len(line) > self._max_request_bytes:
            return None
        with suppress(*BAD_JSON):
            return members(plain(line)) or None
        return None


async def _until_closed(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """A hook says nothing more; it can only go."""
    with suppress(*_GONE):
        while await stream.receive_some(CHUNK):
            pass
    scope.cancel()


def _line(allow: bool, message: str) -> bytes:
    return msgspec.json.encode({"allow": allow, "message": message}) + b"\n"
