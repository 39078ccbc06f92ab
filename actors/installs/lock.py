"""One install of an agent at a time, also when several daemons share a data directory."""

import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

RETRY = 0.1
"""Seconds between two tries. A thread that waits in flock could not be cancelled."""


@asynccontextmanager
async def locked(path: Path) -> AsyncGenerator[None]:
    """Hold the lock; waits for as long as another holds it. The kernel frees it when its holder dies."""
    handle = await trio.to_thread.run_sync(_open, path)
    try:
        while not _try_lock(handle):  # noqa: ASYNC110 - no event tells that another process has let go
            await trio.sleep(RETRY)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
