"""What MCP servers ask their user, as questions, and the answers as what the servers want to hear. The same for every
agent."""
