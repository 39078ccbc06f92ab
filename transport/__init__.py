"""Transport: HTTP, SSE and WebSocket, and the access checks."""
