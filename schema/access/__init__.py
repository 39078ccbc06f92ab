"""Access: tokens, their scopes, and tickets, as they are said."""
