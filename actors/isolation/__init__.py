"""What stands between the agents and the daemon, and between one agent and another."""
