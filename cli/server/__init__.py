"""The daemon as a command: its options, its start, its signals and its end."""
