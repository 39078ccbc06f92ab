"""What is said: events, items, API bodies, problems and their codec. Pure: no I/O, no clock, no randomness."""
