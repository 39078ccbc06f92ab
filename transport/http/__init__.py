"""HTTP/1.1 and WebSocket for one connection: bytes in, bytes out, within bounds."""
