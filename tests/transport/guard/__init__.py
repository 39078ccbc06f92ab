"""Tests of what is refused before a request means anything."""
