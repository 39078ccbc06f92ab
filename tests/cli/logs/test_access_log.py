"""The access log: one line for each request, whatever became of it."""

import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..commands import TIMEOUT, Commands
from ..running import RunningDaemon, daemon

HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
Leave = Callable[[bytes], bool]


def request(line: str, headers: str = "", body: str = "") -> bytes:
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{line} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}".encode()


def whole_answer(got: bytes) -> bool:
    """As soon as it is there: a client that hangs up now is faster than the server's look at its own answer."""
    head, end, body = got.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end) and len(body) >= (lengths[0] if lengths else 0)


def at_once(got: bytes) -> bool:
    return True


def ask(running: RunningDaemon, sent: bytes, leave: Leave = whole_answer) -> None:
    where = urlsplit(running.url)
    with socket.create_connection((str(where.hostname), where.port or 0), timeout=TIMEOUT) as client:
        client.sendall(sent)
        got = b""
        while not leave(got):
            chunk = client.recv(1 << 16)
            if not chunk:
                return
            got += chunk


def requests_of(running: RunningDaemon) -> list[dict[str, Any]]:
    """Of the whole life of the daemon, which ends here."""
    running.process.terminate()
    assert running.wait_ended() == 0
    return [told for line in running.stderr.splitlines() if (told := json.loads(line))["event"] == "request"]


def test_a_hundred_requests_are_a_hundred_lines(commands: Commands) -> None:
    with daemon(commands, "--no-token", "--log-format", "json") as running:
        for _ in range(100):
            ask(running, request("GET /v1/health"))
        lines = requests_of(running)
    assert Counter((line["path"], line["status"]) for line in lines) == {("/v1/health", 200): 100}


def test_streams_sockets_refused_and_broken_requests_are_one_line_each(commands: Commands) -> None:
    stream, sock, turn = "/v1/sessions/s/events/sse", "/v1/sessions/s/ws", "/v1/sessions/s/messages/stream"

    def begun(got: bytes) -> bool:
        return b"id: " in got

    with daemon(commands, "--no-token", "--log-format", "json", "--mock-step-ms", "0") as running:
        ask(running, request("POST /v1/sessions/s", body='{"agent":"mock"}'))
        for _ in range(5):
            ask(running, request(f"GET {stream}"), begun)
            ask(running, request(f"POST {turn}", body='{"message":"echo x"}'), lambda got: got.endswith(b"0\r\n\r\n"))
            ask(running, request(f"GET {sock}", HANDSHAKE), lambda got: b"session.started" in got)
            ask(running, request(f"GET {sock}", "Upgrade: websocket\r\nConnection: Upgrade\r\n"))
            ask(running, request("GET /none"))
            ask(running, request("GET /v1/sessions/none/ws", HANDSHAKE))
            ask(running, request("POST /v1/sessions/t", body="{"))
            ask(running, b"GARBAGE\r\n\r\n")
            ask(running, b"GET /v1/health HTTP/3.0\r\nHost: localhost\r\n\r\n")
            ask(
                running,
                request("POST /v1/sessions/u", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
                + b"z\r\n",
            )
        lines = requests_of(running)
    assert Counter((line["method"], line["path"], line["status"]) for line in lines) == {
        ("POST", "/v1/sessions/s", 200): 1,
        ("GET", stream, 200): 5,
        ("POST", turn, 200): 5,
        ("WEBSOCKET", sock, 101): 5,
        ("WEBSOCKET", sock, 400): 5,
        ("GET", "/none", 404): 5,
        ("WEBSOCKET", "/v1/sessions/none/ws", 404): 5,
        ("POST", "/v1/sessions/t", 400): 5,
        (None, None, 400): 5,
        (None, None, 505): 5,
        ("POST", "/v1/sessions/u", 400): 5,
    }


def test_clients_that_leave_at_once_are_one_line_each(commands: Commands) -> None:
    sent = {
        "/v1/health": request("GET /v1/health"),
        "/v1/sessions": request("GET /v1/sessions"),
        "/v1/events/sse": request("GET /v1/events/sse"),
        "/v1/sessions/none/ws": request("GET /v1/sessions/none/ws", HANDSHAKE),
        "/broken/ws": request("GET /broken/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    }
    with daemon(commands, "--no-token", "--log-format", "json") as running:
        for _ in range(20):
            for request_bytes in sent.values():
                ask(running, request_bytes, at_once)
        ask(running, request("GET /last"))
        lines = requests_of(running)
    counts = Counter(line["path"] for line in lines)
    assert counts.pop("/last") == 1
    # Of a client that was gone before it was read, the kernel may tell nothing but that.
    assert {path: count for path, count in counts.items() if count > 20} == {}
    assert set(counts) == set(sent)
