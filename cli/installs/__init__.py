"""Installs of agents from the command line."""
