"""A trial whether agents can run as another user here, made before the first agent starts.

Everything is tried: a container may lack some of root's capabilities, or keep them over a change of the user; another
kernel (gVisor) may accept a call without its effect. When something is missing the daemon does not start: an operator
who names a user does not want agents that run as root.
"""

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from attrs import frozen

from ..machine.agent_user import AgentUser
from ..machine.process_rows import MARKER, read_process

PATIENCE = 10.0
"""Seconds for the trial. Usually it takes milliseconds."""

PROGRAM = Path(__file__).with_name("reach.py")

NEEDED = {0: "CAP_CHOWN", 1: "CAP_DAC_OVERRIDE", 3: "CAP_FOWNER", 5: "CAP_KILL", 6: "CAP_SETGID", 7: "CAP_SETUID"}
"""The capabilities that the daemon needs: to give agents their files, to read and remove what they leave, to end them,
and to start them."""

OPEN_TO_AGENTS = ("agents", "mock")
"""What agents use in the data directory: installs, which they read, and what the mock agent remembers."""


class NotPossible(Exception):
    """The message says what is missing."""


def missing_capabilities() -> list[str]:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return [capability for bit, capability in NEEDED.items() if not int(value, 16) >> bit & 1]
    return []


def prepare(data: Path) -> None:
    """Open the path to the installs, and close everything else in the data directory to other users. Raises
    OSError."""
    (data / "agents").mkdir(0o755, parents=True, exist_ok=True)
    _change(data, lambda mode: mode & 0o711 | 0o011)
    _change(data / "agents", lambda mode: mode | 0o055)
    for entry in os.scandir(data):
        if entry.name not in OPEN_TO_AGENTS and not entry.is_symlink():
            _change(Path(entry.path), lambda mode: mode & 0o700)


def _change(path: Path, changed: Callable[[int], int]) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if changed(mode) != mode:
        path.chmod(changed(mode))


@frozen
class UserTrial:
    """``places`` are the paths that agents must reach, each with its meaning and how to correct it."""

    user: AgentUser
    data: Path
    places: dict[str, str]

    @classmethod
    def make(cls, user: AgentUser, data: Path) -> "UserTrial":
        temporary = tempfile.gettempdir()
        python = "install sandbox-agent, and its Python, where others can read them"
        places = {
            str(data / "agents"): "agents are installed there; name another directory with --data-dir, or open {}",
            temporary: "agents have their private files there; name another directory with TMPDIR, or open {}",
            str(PROGRAM): python,
        }
        return cls(user, data, places)

    def run(self) -> None:
        """Raises :class:`NotPossible`."""
        if os.geteuid() != 0:
            raise NotPossible(
                f"the daemon must run as root to start programs of another user; it is uid {os.geteuid()}"
            )
        if missing := missing_capabilities():
            raise NotPossible(f"root lacks {', '.join(missing)} here; give the container these capabilities")
        try:
            prepare(self.data)
            self.user.share_groups()
        except OSError as error:
            raise NotPossible(f"{error.filename or 'setgroups'}: {error.strerror}") from error
        self._try_rights()
        self._try_program()

    def _try_rights(self) -> None:
        """Check that the kernel applies the user's rights to what a thread reads."""
        with tempfile.TemporaryDirectory() as closed, self.user.rights():
            if os.access(closed, os.R_OK, effective_ids=True) or _opens(closed):
                raise NotPossible("the system does not hold a thread to another user's rights (setfsuid)")

    def _try_program(self) -> None:
        for place, mend in self.places.items():
            with self.user.rights():
                closed = next((path for path in _way(place) if not os.access(path, os.X_OK, effective_ids=True)), None)
            if closed is not None:
                raise NotPossible(f"{self.user} cannot reach {place}: {closed} is closed to it; {mend.format(closed)}")
        try:
            told = self._ask()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            python = f"install sandbox-agent, and its Python, where others can run them ({sys.executable})"
            raise NotPossible(f"{self.user} cannot run a program of ours: {error}; {python}") from error
        user = self.user
        if told["ids"] != [user.uid] * 3 + [user.gid] * 3 or {*told["groups"], user.gid} != {*user.groups, user.gid}:
            raise NotPossible(f"a program that was started as {user} has other ids: {told['ids']} {told['groups']}")
        if told["capabilities"]:
            raise NotPossible("a program that changes its user keeps root's capabilities here (securebits)")
        for path, trouble in told["paths"].items():
            if trouble is not None:
                raise NotPossible(f"{user} cannot read {path}: {trouble}; {self.places[path].format(path)}")

    def _ask(self) -> dict[str, Any]:
        """Raises OSError, ValueError or SubprocessError, and :class:`NotPossible` when the daemon cannot look at the
        process."""
        user, mark = self.user, "of-a-trial"
        with subprocess.Popen(
            [sys.executable, "-IS", str(PROGRAM), *self.places],
            env={MARKER: mark},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            user=user.uid,
            group=user.gid,
            extra_groups=user.groups,
        ) as process:
            end = threading.Timer(PATIENCE, process.kill)
            end.start()
            try:
                line = cast("IO[bytes]", process.stdout).readline()
                row = read_process(process.pid, rights=user.rights) if line else None
                said = process.communicate()[1]
            finally:
                end.cancel()
        if not line:
            raise ValueError(said.decode(errors="replace").strip() or f"exit status {process.returncode}")
        if row is None or row.marker != mark:
            raise NotPossible("/proc does not show the daemon the processes of another user (hidepid)")
        return dict(json.loads(line))


def _way(path: str) -> Iterator[str]:
    """The directories on the path, the outermost first."""
    yield from (str(parent) for parent in reversed(Path(os.path.realpath(path)).parents))


def _opens(path: str) -> bool:
    with suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        return True
    return False
