"""One story, told by every agent: the same client, and nothing but the agent's name changes."""
