"""A peer that answers one request with the bytes that a test wants, for what a healthy daemon never says."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from ...patience import PATIENCE

TIMEOUT = PATIENCE


def read_request(connection: socket.socket) -> bytes:
    """The head of the request, and as much of its body as came with it."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


@contextmanager
def peer(play: Callable[[socket.socket], None]) -> Generator[str]:
    """Yields the endpoint. ``play`` gets the one connection that is accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)

        def serve() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(TIMEOUT)
                play(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join(TIMEOUT)


def answer(status: str, body: bytes, kind: str = "application/json") -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"

    def play(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head.encode() + body)

    return play
