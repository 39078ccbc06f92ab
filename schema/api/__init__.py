"""Bodies, queries and commands of the HTTP and WebSocket API."""
