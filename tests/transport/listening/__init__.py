"""Tests of where a server listens: unix sockets, TLS, and the proof of who listens."""
