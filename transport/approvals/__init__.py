"""The rules of a session over HTTP: what `always` has allowed."""
