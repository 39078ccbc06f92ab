"""Redaction: which texts are secret, and how they are masked where events are stored, shown and logged."""
