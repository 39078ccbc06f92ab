"""The schema: events, items, API bodies, problems, dialects and the codec. Pure: no I/O, no clock, no randomness."""
