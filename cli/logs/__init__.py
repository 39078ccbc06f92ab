"""The daemon's log: its lines, the thread that writes them, and where they go."""
