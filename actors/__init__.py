"""Who does it: the actors, their supervision, and the processes and logs that they own."""
