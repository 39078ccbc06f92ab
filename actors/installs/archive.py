"""Unpacking what a vendor sends: into the tree and nowhere else, and no more than was allowed for."""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from .errors import InstallFailed

EXECUTABLE = 0o755
PLAIN = 0o644

MAX_MEMBERS = 50_000
MAX_DEPTH = 32
"""Folders inside of one another. The vendors' archives have five."""

MAX_NAME = 4096
"""Characters of a path in the archive."""

MAX_READ = 1 << 20
"""Bytes that are read at once: those of a file come in such pieces, and the headers that give long names and other
facts come whole, whatever size they say they have."""

_MEMBER_BYTES = 4096
"""What a member's headers may take beside its content."""


class _Bounded:
    """A file that is read no further than ``limit``, whatever it unpacks to, and in pieces."""

    def __init__(self, file: IO[bytes], limit: int, check: Callable[[], None]) -> None:
        self._file = file
        self._limit = limit
        self._check = check

    def read(self, size: int) -> bytes:
        self._check()
        if size > MAX_READ:
            raise InstallFailed(f"the archive has a header of {size} bytes; at most {MAX_READ} are read")
        self._bound(self._file.tell() + size - MAX_READ)
        return self._file.read(size)

    def seek(self, position: int) -> int:
        """In pieces: to pass over what is compressed is to unpack it."""
        self._bound(position)
        while (left := position - self._file.tell()) > MAX_READ:
            self._check()
            if len(self._file.read(MAX_READ)) < MAX_READ:
                break
            left -= MAX_READ
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()

    def _bound(self, position: int) -> None:
        if position > self._limit:
            raise InstallFailed(f"the archive unpacks to more than {self._limit} bytes")


def unpack(archive: Path, target: Path, limit: int, check: Callable[[], None]) -> None:
    """Files and directories only: a link or a device has no business in an agent's archive, and a link is how an
    archive writes outside of where it is unpacked. ``limit`` is in bytes; ``check`` may raise to stop. Blocks."""
    try:
        with gzip.open(archive) as file:
            bounded = _Bounded(cast("IO[bytes]", file), limit + MAX_MEMBERS * _MEMBER_BYTES, check)
            with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:") as tar:
                _unpack(tar, target, limit, check)
    except RecursionError as error:
        raise InstallFailed("the archive has too many headers before one file") from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise InstallFailed(f"the archive is damaged: {error}") from error


def _unpack(tar: tarfile.TarFile, target: Path, limit: int, check: Callable[[], None]) -> None:
    left = limit
    for count, member in enumerate(tar, 1):
        check()
        if count > MAX_MEMBERS:
            raise InstallFailed(f"the archive has more than {MAX_MEMBERS} members")
        path = target.joinpath(*_inside(member.name))
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif member.isfile():
            left -= member.size
            if left < 0:
                raise InstallFailed(f"the archive unpacks to more than {limit} bytes")
            _write(tar, member, path)
        else:
            raise InstallFailed(f"the archive holds {member.name!r}, which is neither a file nor a directory")


def _inside(name: str) -> tuple[str, ...]:
    if len(name) > MAX_NAME:
        raise InstallFailed(f"the archive has a name of {len(name)} characters; at most {MAX_NAME} are taken")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InstallFailed(f"the archive would write outside of its directory: {name!r}")
    if len(path.parts) > MAX_DEPTH:
        raise InstallFailed(f"the archive has folders {len(path.parts)} deep; at most {MAX_DEPTH} are made")
    return path.parts


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    with path.open("xb") as file:  # a name that comes twice is damage, or a trick
        if source is not None:
            shutil.copyfileobj(source, file, MAX_READ)
    path.chmod(EXECUTABLE if member.mode & 0o111 else PLAIN)
