"""Amp: its dialect, and all that is told of it."""
