"""Bounded reading of one file or folder that the daemon did not write. It blocks: :class:`.ForeignFiles` calls it in a
thread.

The path may lead to a pipe, a device, an endless file, or a link to any of them. Reading must neither block nor fill
the memory, nor change what is there. A file system that does not answer blocks all the same; the reader in a thread
bounds that.
"""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from ...schema.foreign.not_readable import NotReadable
from ..machine.shortage import Shortage

CHUNK = 1 << 20


def read_file(path: str | Path, limit: int, *, follow: bool = True, beneath: str | Path | None = None) -> bytes | None:
    """The content of a regular file of at most ``limit`` bytes; None when there is no such file.

    ``follow`` false refuses a path whose last part is a symbolic link. ``beneath`` is a directory that must contain the
    file after all links are followed. Raises :class:`.NotReadable` with the reason, and :class:`OSError` for a
    shortage, which says nothing about the file (:meth:`.Shortage.of` recognises it).
    """
    try:
        with opened(path, follow=follow, beneath=beneath) as handle:
            return read_opened(handle, limit)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_opened(handle: int, limit: int) -> bytes:
    """The whole content. Raises :class:`.NotReadable` when it is longer than the limit."""
    if (size := os.fstat(handle).st_size) > limit:
        raise NotReadable(f"has {size} bytes; at most {limit} are read")
    return _read(handle, limit)


def read_handed_over(path: str | Path, limit: int) -> bytes:
    """The content of an inherited descriptor, which may be a pipe: waits for its end."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        return _read(handle, limit)
    finally:
        os.close(handle)


def _read(handle: int, limit: int) -> bytes:
    content = bytearray()
    while chunk := os.read(handle, min(CHUNK, limit + 1)):
        content += chunk
        if len(content) > limit:  # it grows, or its size is not told
            raise NotReadable(f"has more than {limit} bytes")
    return bytes(content)


@contextmanager
def opened(
    path: str | Path, *, follow: bool = True, beneath: str | Path | None = None, want: int = stat.S_IFREG
) -> Generator[int]:
    """A descriptor of a regular file, or with ``want`` of a directory. Raises :class:`.NotReadable` and
    :class:`OSError` as :func:`read_file`, also for what goes wrong in the block, and :class:`FileNotFoundError` or
    :class:`NotADirectoryError` when there is nothing of that name."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    handle = None
    try:
        # Checked before it is opened, because opening a device or a pipe may have an effect, and again afterwards,
        # because it may have been replaced.
        _require(Path(path).stat(follow_symlinks=follow), want)
        handle = os.open(path, flags)
        _require(os.fstat(handle), want)
        if beneath is not None:
            _require_beneath(handle, beneath)
        yield handle
    except OSError as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError)) and handle is None
        if missing or Shortage.of(error) is not None:
            raise
        raise NotReadable(f"cannot be {'opened' if handle is None else 'read'}: {error.strerror or error}") from error
    except ValueError as error:
        if handle is not None or isinstance(error, NotReadable):
            raise
        raise NotReadable(f"cannot be opened: {error}") from error  # a NUL, or a surrogate that no name can hold
    finally:
        if handle is not None:
            os.close(handle)


def list_directory(path: str | Path, limit: int, *, beneath: str | Path | None = None) -> tuple[str, ...] | None:
    """The names in a directory, sorted; None when there is no such directory. Raises as :func:`read_file`, also when
    there are more than ``limit`` names."""
    try:
        with opened(path, beneath=beneath, want=stat.S_IFDIR) as handle, os.scandir(handle) as entries:
            names = [entry.name for entry in islice(entries, limit + 1)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(names) > limit:
        raise NotReadable(f"holds more than {limit} names")
    return tuple(sorted(names))


def _require(status: os.stat_result, want: int) -> None:
    if stat.S_IFMT(status.st_mode) != want:
        if stat.S_ISLNK(status.st_mode):
            raise NotReadable("is a symbolic link")
        raise NotReadable("is not a directory" if want == stat.S_IFDIR else "is not a regular file")


def _require_beneath(handle: int, directory: str | Path) -> None:
    """Checks the opened file, not its name: the name may lead elsewhere by now."""
    real = Path(f"/proc/self/fd/{handle}").readlink()
    if not real.is_relative_to(os.path.realpath(directory)):
        raise NotReadable(f"leads out of {directory}")
