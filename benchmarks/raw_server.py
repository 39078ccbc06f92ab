"""The limit: the same daemon with the same journal and logs, but events leave through a bare trio socket instead of
hypercorn and Quart.

Speaks just enough HTTP for the benchmark's readers: one request line names the session, the answer is its SSE stream.
"""

import sys
from functools import partial

import trio

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.cli.logs.configure import configure_logs
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.auth import Auth
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.server import serve_daemon

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


async def broadcast(daemon: Daemon, stream: trio.SocketStream) -> None:
    """Every event after the cursor in one write, then wait: what a subscriber costs at the least."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (chunk := await stream.receive_some(1 << 16)):
            return
        request += bytes(chunk)
    session_id = request.split(b"/v1/sessions/", 1)[1].split(b"/", 1)[0].decode()
    log = await daemon.log(session_id)
    head = b"id: " + log.log_id.encode() + b":%d\ndata: %b\n\n"
    await stream.send_all(HEADERS)
    after = 0
    try:
        while not log.closed:
            batch = await log.read(after, daemon.settings.stream_batch_bytes)
            if batch.events:
                await stream.send_all(
                    b"".join([head % (n, e.plain) for n, e in zip(batch.positions, batch.events, strict=True)])
                )
                after = batch.last
            else:
                await log.wait_beyond(after)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def main(token: str, data_dir: str) -> None:
    daemon = Daemon(Settings(data_dir=data_dir, mock_step_ms=0.0))
    async with trio.open_nursery() as nursery:
        await nursery.start(daemon.run)
        serve = partial(serve_daemon, daemon, host="127.0.0.1", port=0, auth=Auth(token), cors=Cors())
        (control,) = await nursery.start(serve)
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, partial(broadcast, daemon), 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        print(f"listening on {control} streams on http://127.0.0.1:{port}", flush=True)


if __name__ == "__main__":
    configure_logs("warning", "text", None, Settings())
    try:
        trio.run(main, sys.stdin.readline().strip(), sys.argv[1])
    except* KeyboardInterrupt:
        pass
