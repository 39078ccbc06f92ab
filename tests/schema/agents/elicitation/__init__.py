"""Forms of MCP servers, and what humans answer to them."""
