"""Access: tokens, their scopes, and tickets."""
