"""What is known of the daemon in the background, and whether the process is still the one.

A process is known by its pid, when it started, and in which life of the machine. A pid alone is soon another's.
"""

import json
import os
import tempfile
from pathlib import Path

import attrs
from attrs import frozen

from ...actors.machine.owner import ProcessId
from ...actors.machine.process_rows import read_process
from ...schema.foreign.not_readable import NotReadable
from ..failure import Failure
from ..named_file import read_named, why

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

    @classmethod
    def read(cls, file: Path) -> "State | None":
        """None when there is none. Raises :class:`Failure` for one that nobody can read."""
        try:
            text = read_named(file, MAX_STATE)
        except FileNotFoundError:
            return None
        except (OSError, NotReadable) as error:
            raise Failure(f"cannot read {file}: {why(error)}") from error
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise Failure(f"{file} is not a state that was written here: {error}; remove it") from error

    def write(self, file: Path) -> None:
        """Whole or not at all, and readable by its owner only."""
        handle, draft = tempfile.mkstemp(prefix="state.", dir=file.parent)
        with os.fdopen(handle, "w") as written:
            json.dump(attrs.asdict(self), written)
        Path(draft).replace(file)


def boot_id() -> str:
    return BOOT_ID.read_text().strip()
