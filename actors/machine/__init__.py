"""The machine: descriptors, users, and what /proc shows. Nothing here knows what an agent is."""
