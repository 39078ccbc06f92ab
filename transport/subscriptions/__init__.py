"""Subscriptions: streams that follow an event log, each at its own cursor."""
