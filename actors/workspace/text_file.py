"""Reading one text of a workspace, whoever put it there. Blocking: call it in a thread.

What stands there may be a pipe, a device, a file of gigabytes, or a link to a file that is nobody's business. It is
looked at before it is opened for reading, and what is read is what was looked at.
"""

import os
import stat

from attrs import frozen

from ..shortage import Shortage


class NotCarried(Exception):
    """There is something of that name, and it is not read. The text is the reason, for people."""


@frozen
class Text:
    """``path`` is the file's own, after all links."""

    path: str
    content: str


def read_text(path: str, base: str, limit: int) -> Text | None:
    """A regular file of at most ``limit`` bytes that lies, after all links, in the directory ``base`` or below it. That
    must be a real path. Bytes that are no UTF-8 are replaced. None when there is nothing of that name.

    Raises :class:`NotCarried`, and OSError when no file can be opened just now.
    """
    try:
        # This opens nothing: a pipe does not wait for its writer, and a device is not told of us.
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _refused(error) from error
    try:
        status = os.fstat(place)
        real = os.readlink(f"/proc/self/fd/{place}")  # noqa: PTH115 - of a descriptor, whatever path leads to it
        if not is_below(real, base):
            raise NotCarried("leads outside of its directory")
        if not stat.S_ISREG(status.st_mode):
            raise NotCarried("is not a regular file")
        if status.st_size > limit:
            raise NotCarried(f"is longer than {limit} bytes")
        return Text(real, _decoded(_read(place, limit)))
    except OSError as error:
        raise _refused(error) from error
    finally:
        os.close(place)


def is_below(path: str, base: str) -> bool:
    """Both are absolute, without dots."""
    return path == base or path.startswith(base.rstrip("/") + "/")


def _read(place: int, limit: int) -> bytes:
    handle = os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it grows, or its size is not told
        raise NotCarried(f"is longer than {limit} bytes")
    return content


def _decoded(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace").replace("\0", "\ufffd")


def _refused(error: OSError | ValueError) -> Exception:
    if Shortage.of(error) is not None:
        return error  # says nothing about the file
    return NotCarried(f"cannot be read: {getattr(error, 'strerror', None) or error}")
