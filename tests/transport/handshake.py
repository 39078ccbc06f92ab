"""The opening of a WebSocket, for its status alone."""

from .serving import Served

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def upgrade(served: Served, host: str, origin: str | None = None, path: str = "/v1/sessions/s/ws") -> int:
    async with await served.connect() as stream:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}"]
        lines += [] if origin is None else [f"Origin: {origin}"]
        await stream.send_all(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int((await stream.receive_some(4096)).split(b" ", 2)[1])
