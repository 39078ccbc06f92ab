"""Actors and their supervision: mailboxes, restarts, clocks. Nothing here knows what the daemon is for."""
