"""What each agent can say, by its own account, against what its dialect makes of that."""
