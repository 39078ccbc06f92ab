"""The hook server: the socket on which hooks request permissions. A hook is a program that an agent runs before a tool.

Each connection carries one request, a line of JSON, and gets one answer, a line of JSON: `{"allow": bool, "message":
str}`. A connection that ends before its answer is a hook that the agent has ended.

Any program of the same user can find the socket. Only processes of the agent's own tree are accepted, and they are
trusted as little as the agent: their number, the size of their requests together and their time are bounded.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any

import msgspec
import trio
from attrs import define, field

from ...schema.agents.json_lines import BAD_JSON, members, plain
from ...schema.settings import Settings
from ..machine.descriptor_reserve import DescriptorReserve
from ..machine.peers import peer_pid
from ..processes.private_directory import PrivateDirectory

SOCKET = "hook"
CHUNK = 1 << 16

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)

Asked = Callable[[str, Mapping[str, Any]], Awaitable[None]]
Gone = Callable[[str], Awaitable[None]]
Admit = Callable[[int], bool]
"""Whether the process with this pid may send a request."""


@define(eq=False)
class _Waiting:
    """A hook that has sent its request, and its answer."""

    answer: bytes | None = None
    decided: trio.Event = field(factory=trio.Event)


@define(eq=False)
class _Held:
    """How many bytes of one connection are in memory."""

    bytes: int = 0


class _Refused(Exception):
    """The message is for the model that wants to use the tool."""


class HookServer:
    """The socket of one agent process, in a directory that is removed with it. Requests beyond the bounds ``hook_*`` of
    the settings are refused. ``connections`` are open now, with ``held_bytes`` of requests in memory."""

    def __init__(
        self, directory: PrivateDirectory, listener: trio.SocketListener, settings: Settings, reserve: DescriptorReserve
    ) -> None:
        self.directory = directory
        self._reserve = reserve
        self._listener = listener
        self._settings = settings
        self._ids = count(1)
        self._waiting: dict[str, _Waiting] = {}
        self.connections = 0
        self.held_bytes = 0

    def __repr__(self) -> str:
        return f"<HookServer waiting={' '.join(self._waiting) or 'none'}>"

    @classmethod
    async def open(cls, settings: Settings, directory: PrivateDirectory, reserve: DescriptorReserve) -> "HookServer":
        """Hooks may connect from now on; they wait until :meth:`serve`. The directory is removed with the server, or
        when this raises OSError."""
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
        return cls(directory, listener, settings, reserve)

    async def serve(self, admit: Admit, asked: Asked, gone: Gone) -> None:
        """Report every request, and every hook that ends without its answer, until cancelled. Processes that ``admit``
        does not accept are refused."""

        async def converse(stream: trio.SocketStream) -> None:
            self.connections += 1
            held = _Held()
            try:
                async with stream:
                    await self._converse(stream, held, admit, asked, gone)
            finally:
                self.connections -= 1
                self.held_bytes -= held.bytes

        await trio.serve_listeners(converse, [self._listener])

    async def aclose(self) -> None:
        """Close the socket and remove the directory. The agent must have exited."""
        self._listener.socket.close()
        await self.directory.remove(self._reserve)

    def answer(self, hook_id: str, *, allow: bool, message: str) -> None:
        """Answer the hook. When it has ended already, nothing happens."""
        waiting = self._waiting.get(hook_id)
        if waiting is not None and waiting.answer is None:
            waiting.answer = _line(allow, message)
            waiting.decided.set()

    async def _converse(self, stream: trio.SocketStream, held: _Held, admit: Admit, asked: Asked, gone: Gone) -> None:
        try:
            if self.connections > self._settings.hook_connections:
                raise _Refused(f"more than {self._settings.hook_connections} hooks of this agent ask at the same time")
            if not admit(peer_pid(stream)):
                raise _Refused("only the agent's own processes may ask")
            request = await self._read(stream, held)
        except _Refused as error:
            with suppress(*_GONE):
                await stream.send_all(_line(False, str(error)))
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

    async def _read(self, stream: trio.SocketStream, held: _Held) -> Mapping[str, Any]:
        """Raises :class:`_Refused` for a request that is no JSON object, is too large or takes too long."""
        said = bytearray()
        with suppress(*_GONE), trio.move_on_after(self._settings.hook_request_timeout):
            while b"\n" not in said[-CHUNK:]:
                chunk = await stream.receive_some(CHUNK)
                if not chunk:
                    break
                self.held_bytes += len(chunk)
                held.bytes += len(chunk)
                if self.held_bytes > self._settings.hook_bytes:
                    raise _Refused(f"the hooks of this agent ask more than {self._settings.hook_bytes} bytes together")
                said += chunk
        line, newline, _ = bytes(said).partition(b"\n")
        if newline:
            with suppress(*BAD_JSON):
                if request := members(plain(line)):
                    return request
        raise _Refused("this request cannot be read")


async def _until_closed(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """Wait until the hook ends: it sends nothing after its request."""
    with suppress(*_GONE):
        while await stream.receive_some(CHUNK):
            pass
    scope.cancel()


def _line(allow: bool, message: str) -> bytes:
    return msgspec.json.encode({"allow": allow, "message": message}) + b"\n"
