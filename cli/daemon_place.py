"""Where the daemon of one data directory has its log, and what is known of it when it runs in the background."""

import fcntl
import hashlib
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from ..schema.settings import Settings
from .failure import Failure
from .token_store import state_directory
from .user_home import data_place

LOOK = 0.05
"""Seconds between two tries to get a lock."""


@frozen
class Place:
    """A directory of its own for the daemon of each data directory."""

    directory: Path
    data_dir: str

    @classmethod
    def of(cls, settings: Settings) -> "Place":
        data = os.path.realpath(data_place(settings))
        name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        return cls(state_directory() / "daemons" / name, data)

    @property
    def file(self) -> Path:
        """Its state: :class:`~.daemon.state.State`."""
        return self.directory / "state.json"

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    @property
    def output(self) -> Path:
        """What it printed: the line that says that it is ready, or why it is not."""
        return self.directory / "output"

    def make(self) -> None:
        """The directory, for its owner alone. Raises :class:`Failure`."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> Failure:
        return Failure(
            f"cannot use {self.directory}: {error.strerror}; set HOME or XDG_STATE_HOME to a directory that uid "
            f"{os.geteuid()} may write"
        )

    @contextmanager
    def locked(self, wait: float = 0) -> Generator[None]:
        """Nobody else starts or stops this daemon meanwhile. Raises :class:`Failure` when somebody still does after
        ``wait`` seconds."""
        self.make()
        try:
            handle = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            deadline = time.monotonic() + wait
            while not _lock(handle):
                if time.monotonic() >= deadline:
                    raise Failure(f"another start or stop of the daemon of {self.data_dir} is under way")
                time.sleep(LOOK)
            yield
        finally:
            os.close(handle)

    def forget(self) -> None:
        """The daemon is gone: so is its state."""
        self.file.unlink(missing_ok=True)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
