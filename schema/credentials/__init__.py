"""Credentials: where they stand, what each agent needs, and how they are shown."""
