"""Parsers for files that the daemon did not write: in linear time, and without building unneeded values."""
