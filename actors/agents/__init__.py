"""Agents: which there are, what they run with, and the link to a running one."""
