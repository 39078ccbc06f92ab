"""A disk that is full for this process, without root: no file of it may grow beyond a size that is small just now."""

import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sandbox_agent.actors.journal.sqlite_file import FILE


@contextmanager
def no_room(directory: Path) -> Generator[None]:
    """The journal in ``directory`` cannot be written while this holds: its -wal cannot grow. Python ignores SIGXFSZ, so
    SQLite sees an error, as from a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (directory / f"{FILE}-wal").stat().st_size
    assert size > 50_000, "pytest writes what is logged to a file too"
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
