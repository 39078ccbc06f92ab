"""One sans-I/O dialect per agent: bytes in, effects out."""
