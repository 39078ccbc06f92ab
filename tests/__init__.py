"""The tests of sandbox-agent."""
