"""Listeners: the sockets of one ``--host`` and ``--port``, and the URLs that lead to them."""

import socket as stdlib_socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from attrs import frozen

from .unix_address import UnixAddress
from .unix_socket import UnixSocket, listen

BACKLOG = 1024


@frozen
class Listeners:
    """``urls`` have no base path."""

    sockets: tuple[trio.SocketListener, ...]
    urls: tuple[str, ...]


@asynccontextmanager
async def open_listeners(host: str, port: int, base_path: str, *, tls: bool) -> AsyncGenerator[Listeners]:
    """``host`` is the value of ``--host``. Raises :class:`OSError`; for a unix socket its text is a sentence. A unix
    socket is removed at the end."""
    if (address := UnixAddress.parse(host)) is None:
        sockets = await open_tcp_listeners(host, port)
        scheme = "https" if tls else "http"
        yield Listeners(tuple(sockets), tuple(url_of(socket, scheme) + base_path for socket in sockets))
        return
    bound: UnixSocket = await trio.to_thread.run_sync(listen, address, BACKLOG)
    try:
        yield Listeners((bound.listener,), (str(UnixAddress(address.path, base_path)),))
    finally:
        bound.listener.socket.close()
        # As quick as taking a free lock; the end of the process must not wait for a thread.
        bound.remove()


async def open_tcp_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """IPv4 and IPv6 addresses, or a name with either. Port 0 takes one free port, of the first address only: two
    addresses would get two ports."""
    listeners = await trio.open_tcp_listeners(port, host=host.strip("[]") or None, backlog=BACKLOG)
    if port == 0:
        for surplus in listeners[1:]:
            await surplus.aclose()
        del listeners[1:]
    return listeners


def url_of(listener: trio.SocketListener, scheme: str = "http") -> str:
    host, port = listener.socket.getsockname()[:2]
    shown = f"[{host}]" if listener.socket.family == stdlib_socket.AF_INET6 else host
    return f"{scheme}://{shown}:{port}"
