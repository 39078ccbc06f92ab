"""Reading the files that may hold credentials, for a daemon or a command. Blocking: a daemon calls it in a thread."""

import os
import stat
import time
from collections.abc import Mapping

from ..schema.credential_discovery import Discovery, FileContent, discover
from ..schema.credential_files import NotReadable
from ..schema.credential_places import Places, places
from .home import settled
from .shortage import Shortage


def read_credentials(environment: Mapping[str, str], where: Places, limit: int) -> Discovery:
    """``limit`` bytes of a file are read at most; a longer one counts as not readable. Raises :class:`OSError` when
    no file can be opened just now."""
    contents = {path: content for path in where if (content := _read(path, limit)) is not None}
    return discover(environment, contents, where, time.time_ns() // 1_000_000)


def places_of(environment: Mapping[str, str], directory: str | None = None) -> Places:
    """The places of the user whose environment this is, as their agents see them."""
    environment = settled(environment)
    return places(environment, environment.get("HOME", "/"), directory)


def _read(path: str, limit: int) -> FileContent | None:
    """None when there is no such file. A directory of a session is not ours: what stands there may be a pipe or a
    device, which must neither block nor fill us."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        if Shortage.of(error) is not None:
            raise  # says nothing about the file
        return NotReadable(f"cannot be opened: {getattr(error, 'strerror', None) or error}")
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return NotReadable("is not a regular file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        return NotReadable(f"cannot be read: {error.strerror}")
    finally:
        os.close(handle)
    return content if len(content) <= limit else NotReadable(f"is longer than {limit} bytes")
