"""The workspace: whether the configuration in a session's directory is trusted, and which texts are carried over."""
