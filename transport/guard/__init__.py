"""The guard: what is refused before a request means anything; who makes a request, whether they may, and how much."""
