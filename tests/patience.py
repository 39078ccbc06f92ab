"""How long a test waits for what must come: so long that only a hang takes longer, on whatever machine.

A test that asserts that something is quick compares it with something else in the same run, or sets the limit that
it must not wait for to an hour.
"""

PATIENCE = 120.0
"""Seconds."""

SLOWNESS = 15.0
"""Seconds by which a busy machine may be late where the daemon promises a time."""
