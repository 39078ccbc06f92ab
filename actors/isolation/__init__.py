"""Isolation: what separates the agents from the daemon, and one agent from another."""
