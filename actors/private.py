"""A directory that belongs to one agent process: what the daemon gives it to read, and the socket of its hooks."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import trio

from ..schema.agents.dialect import PrivateFile

PREFIX = "sandbox-agent-"


class PrivateDirectory:
    """Mode 0700, under a name that cannot be guessed; :meth:`remove` takes it away with all that is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<PrivateDirectory {self.path}>"

    @classmethod
    async def make(cls, owner: str, parent: str | None = None) -> "PrivateDirectory":
        """Below ``parent``, or where temporary files are. ``owner`` is the daemon's name beyond its life: by it
        :func:`remove_left` finds what a kill left. Raises OSError."""
        return cls(Path(await trio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix=_prefix(owner), dir=parent))))

    async def write(self, files: Mapping[str, PrivateFile]) -> None:
        """Raises OSError, also for a file that is there already."""
        await trio.to_thread.run_sync(self._write, files)

    def _write(self, files: Mapping[str, PrivateFile]) -> None:
        for name, file in files.items():
            mode = 0o700 if file.program else 0o600
            handle = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, mode)  # whatever the umask
                stream.write(file.content)

    async def remove(self) -> None:
        await trio.to_thread.run_sync(lambda: shutil.rmtree(self.path, ignore_errors=True))


def _prefix(owner: str) -> str:
    """Hashed: others can list these names, and an owner may be any text."""
    return f"{PREFIX}{hashlib.sha256(owner.encode()).hexdigest()[:16]}-"


def remove_left(owner: str, parent: str | None = None) -> list[Path]:
    """Remove what an earlier life of the owner left, and nobody else's. Blocks; returns what was removed.

    Names can be taken by anybody where temporary files are: only a directory of our own user that nobody else may
    enter is one of ours, and a link is none.
    """
    found = [Path(entry.path) for entry in os.scandir(parent or tempfile.gettempdir()) if _ours(entry, _prefix(owner))]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return found


def _ours(entry: "os.DirEntry[str]", prefix: str) -> bool:
    if not entry.name.startswith(prefix):
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700
