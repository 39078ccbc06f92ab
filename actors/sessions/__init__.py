"""Sessions: one actor for each conversation, what is kept of it, and the registry that finds it."""
