"""Files and paths: the home, locks of directories, and bounded reading of files that the daemon did not write."""
