"""`sandbox-agent demo`: one session, told as a transcript."""
