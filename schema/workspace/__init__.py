"""What a session takes from the directory that it works in: whether its configuration is trusted, and what is text."""
