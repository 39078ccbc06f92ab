"""Listening: TCP, unix sockets and TLS; the peer of a connection; and the proof of the daemon's identity."""
