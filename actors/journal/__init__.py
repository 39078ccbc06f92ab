"""The journal: what is kept of every session, durable before it is visible, and the event logs that readers follow."""
