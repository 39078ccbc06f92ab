"""A directory that belongs to one agent process: what the daemon gives it to read, and the socket of its hooks."""

import os
import shutil
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
    async def make(cls, parent: str | None = None) -> "PrivateDirectory":
        """Below ``parent``, or where temporary files are. Raises OSError."""
        return cls(Path(await trio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix=PREFIX, dir=parent))))

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
