"""What is known of the daemon in the background: where that is kept, and whether the process is still the one.

A process is known by its pid, when it started, and in which life of the machine. A pid alone is soon another's.
"""

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import attrs
from attrs import frozen

from ...actors.processes.table import ProcessId, read_process
from ...schema.foreign.not_readable import NotReadable
from ...schema.settings import Settings
from ..failure import Failure
from ..named_file import read_named, why
from ..token_store import state_directory
from ..user_home import data_place

LOOK = 0.05
"""Seconds between two tries to get a lock."""
MAX_STATE = 1 << 16
"""Bytes of a state that is read."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@frozen
class State:
    """``started`` is in clock ticks since the boot named ``boot``. ``url`` is None until it listens."""

    pid: int
    started: int
    boot: str
    data_dir: str
    log: str
    shutdown_timeout: float
    url: str | None = None

    @property
    def process(self) -> ProcessId:
        return ProcessId(self.pid, self.started)

    @property
    def alive(self) -> bool:
        row = read_process(self.pid) if self.boot == boot_id() else None
        return row is not None and row.id == self.process and not row.zombie


def boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@frozen
class Place:
    """Where the state of one data directory's daemon is, with its log and what it printed."""

    directory: Path
    data_dir: str

    @classmethod
    def of(cls, settings: Settings) -> "Place":
        data = os.path.realpath(data_place(settings))
        name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        return cls(state_directory() / "daemons" / name, data)

    @property
    def file(self) -> Path:
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

    def read(self) -> State | None:
        """None when there is none. Raises :class:`Failure` for one that nobody can read."""
        try:
            text = read_named(self.file, MAX_STATE)
        except FileNotFoundError:
            return None
        except (OSError, NotReadable) as error:
            raise Failure(f"cannot read {self.file}: {why(error)}") from error
        try:
            return State(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise Failure(f"{self.file} is not a state that was written here: {error}; remove it") from error

    def write(self, state: State) -> None:
        """Whole or not at all, and readable by its owner only."""
        handle, draft = tempfile.mkstemp(prefix="state.", dir=self.directory)
        with os.fdopen(handle, "w") as file:
            json.dump(attrs.asdict(state), file)
        Path(draft).replace(self.file)

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
