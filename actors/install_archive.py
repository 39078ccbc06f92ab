"""Unpacking what a vendor sends: into the tree and nowhere else, and no more than was allowed for."""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from .install_failure import InstallFailed

EXECUTABLE = 0o755
PLAIN = 0o644


def unpack(archive: Path, target: Path, limit: int, check: Callable[[], None]) -> None:
    """Files and directories only: a link or a device has no business in an agent's archive, and a link is how an
    archive writes outside of where it is unpacked. ``limit`` is in bytes; ``check`` may raise to stop. Blocks."""
    try:
        with tarfile.open(archive) as tar:
            left = limit
            for member in tar:
                check()
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
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InstallFailed(f"the archive is damaged: {error}") from error


def _inside(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InstallFailed(f"the archive would write outside of its directory: {name!r}")
    return path.parts


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    with path.open("xb") as file:  # a name that comes twice is damage, or a trick
        if source is not None:
            shutil.copyfileobj(source, file, 1 << 20)
    path.chmod(EXECUTABLE if member.mode & 0o111 else PLAIN)
