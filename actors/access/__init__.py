"""Access: the tokens that the daemon knows."""
