"""The mock agent: a real program that speaks JSON lines, driven by the daemon like any other agent."""
