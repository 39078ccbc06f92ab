"""How it travels: HTTP, SSE and WebSocket, and who may speak."""
