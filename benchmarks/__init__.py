"""`make bench`: how many events a second the daemon delivers, how late, and how far that is from the limit."""
