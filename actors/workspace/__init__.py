"""The directory that a session works in, as something that a stranger has filled."""
