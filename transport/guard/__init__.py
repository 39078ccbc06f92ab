"""The guard: checks before a handler runs: hosts and origins, tokens and scopes, and rate limits."""
