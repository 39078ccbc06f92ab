"""``sandbox-agent daemon``: the daemon in the background."""
