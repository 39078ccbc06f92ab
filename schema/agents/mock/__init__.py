"""The mock agent: its dialect, and all that is told of it."""
