"""The guard: what is refused before a request means anything, and what a stranger can make us write."""
