#!/usr/bin/env python3
"""A program that escapes: ``env -i chain.py LOCK SECONDS``. It forks and exits again and again, each time in less time
than a look at /proc takes, in a session of its own. One process at a time, and no longer than that many seconds.

It holds the lock while it lives. It is ready when the lock's file is not empty.
"""

import fcntl
import os
import sys
import time

if __name__ == "__main__":
    lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    until = time.monotonic() + float(sys.argv[2])
    generation = 0
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        os.setsid()
        generation += 1
        if generation == 20:
            os.write(lock, b"ready")
