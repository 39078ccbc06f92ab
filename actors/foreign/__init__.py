"""Reading what the daemon did not write: files of the user, of a repository, of an agent."""
