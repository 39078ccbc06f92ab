"""Fuzzing of the API by its own document: ``make fuzz-api``."""
