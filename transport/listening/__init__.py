"""Where a server listens: TCP, a unix socket, TLS; who connects there; and the proof of who listens."""
