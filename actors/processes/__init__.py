"""Agent processes: how one is started, read, held to its limits, and ended with all its descendants."""
