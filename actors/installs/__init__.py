"""Installs: an agent's program is fetched, checked and made the one that runs."""
