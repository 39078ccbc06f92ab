"""The working directory of a session, read as files that nobody vouches for."""
