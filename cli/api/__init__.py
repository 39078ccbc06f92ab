"""`sandbox-agent api`: the HTTP API from the command line."""
