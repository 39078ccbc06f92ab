"""Files that others write: paths, homes and directories, read and locked without trust."""
