"""A small file that a command reads: one that it wrote earlier, or one that its user names.

An agent runs as the same user, and a repository may hold anything: in its place may be a pipe that nobody writes to, a
device, a file without end, or a link to one.
"""

import errno
import os
import sys
from pathlib import Path

HANDED_OVER = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a shell puts what another command prints: ``<(pass show token)``. That is a pipe by rights."""


STDIN = Path("-")
"""What commands call it. Its descriptor is read: a pipe of another user cannot be opened a second time by a name."""


def read_named(path: Path, limit: int, *, dash: bool = False) -> bytes:
    """At most ``limit`` bytes; with ``dash`` of stdin where that is the path. Raises :class:`OSError` and
    :class:`.NotReadable`, which say what is wrong."""
    from ..actors.files.foreign_file import read_file, read_handed_over, read_opened

    if dash and path == STDIN:
        return read_opened(sys.stdin.fileno(), limit)
    if str(path).startswith(HANDED_OVER):
        return read_handed_over(path, limit)
    content = read_file(path, limit)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return content


def why(error: Exception) -> str:
    """In words that go on after the file's name."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else f"it {error}"
