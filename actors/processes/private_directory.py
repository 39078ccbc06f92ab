"""A directory that belongs to one agent process: what the daemon gives it to read, and the socket of its hooks."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog
import trio

from ...schema.agents.dialect import PrivateFile
from ..files.directory_claim import NO_LOCKS, DirectoryClaim, take_left
from ..machine.agent_user import AgentUser
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted, exhausted

PREFIX = "sandbox-agent-"

PASSED = 0o711
"""The mode of one that others may pass."""

_log = structlog.get_logger("agent")


ATTEMPTS = 3
"""How often a new directory is made when another daemon, which looks for what was left, took it for such."""


class PrivateDirectory:
    """Mode 0700, under a name that cannot be guessed; :meth:`remove` takes it away with all that is in it. The claim
    says that it is in use; None where directories cannot be locked.

    Agents of another user get theirs in one that is our user's and that they may pass (:meth:`let_pass`), or they could
    put something else in its place while we write into it. What is in there is theirs from :meth:`hand_over` on, and
    nothing is written into it after that."""

    def __init__(self, path: Path, claim: DirectoryClaim | None = None) -> None:
        self.path = path
        self.claim = claim

    def __repr__(self) -> str:
        return f"<PrivateDirectory {self.path}>"

    @classmethod
    async def make(cls, owner: str, parent: str | None = None) -> "PrivateDirectory":
        """Below ``parent``, or where temporary files are. ``owner`` is the daemon's name beyond its life: by it
        :func:`remove_left` finds what a kill left. Raises OSError."""
        return await trio.to_thread.run_sync(cls._make, owner, parent)

    @classmethod
    def _make(cls, owner: str, parent: str | None) -> "PrivateDirectory":
        for _ in range(ATTEMPTS):
            path = Path(tempfile.mkdtemp(prefix=_prefix(owner), dir=parent))
            try:
                return cls(path, DirectoryClaim.take(path))
            except (BlockingIOError, FileNotFoundError):
                _remove_empty(path)
            except OSError as error:
                if error.errno in NO_LOCKS:
                    return cls(path)
                _remove_empty(path)
                raise
        raise FileNotFoundError(f"new directories below {parent or tempfile.gettempdir()} are taken away at once")

    async def write(self, files: Mapping[str, PrivateFile]) -> None:
        """Raises OSError, also for a file that is there already."""
        await trio.to_thread.run_sync(self._write, files)

    def _write(self, files: Mapping[str, PrivateFile]) -> None:
        for name, file in files.items():
            mode = 0o700 if file.program else 0o600
            path = self.path / name
            path.parent.mkdir(0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, mode)  # whatever the umask
                stream.write(file.content)

    async def let_pass(self) -> None:
        """Others may reach what lies in it, by its name: they may neither list nor change what is there. Raises
        OSError."""
        await trio.to_thread.run_sync(self.path.chmod, PASSED)

    async def hand_over(self, user: AgentUser) -> None:
        """It becomes the user's, with all that is in it. Raises OSError."""
        await trio.to_thread.run_sync(hand_over, self.path, user)

    async def remove(self, reserve: DescriptorReserve) -> None:
        """Raises nothing: what stays is in the log, and the daemon's next start removes it."""
        try:
            await reserve.run(self._remove)
        except Exhausted as error:
            _log.warning("an agent's private directory stays", path=str(self.path), error=str(error))
        if self.claim is not None:
            self.claim.release()

    def _remove(self) -> None:
        """As much as can be. Raises OSError when descriptors or memory are used up."""
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            if exhausted(error):
                raise
            shutil.rmtree(self.path, ignore_errors=True)


def hand_over(path: Path, user: AgentUser) -> None:
    """A directory becomes a user's, with all that is in it. Blocks; raises OSError."""
    for _, folders, files, handle in os.fwalk(path, topdown=False):
        for name in (*folders, *files):
            os.chown(name, user.uid, user.gid, dir_fd=handle, follow_symlinks=False)
    os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _remove_empty(path: Path) -> None:
    """Takes no descriptor: for want of one it may be that the directory goes."""
    with suppress(OSError):
        path.rmdir()


def _prefix(owner: str) -> str:
    """Hashed: others can list these names, and an owner may be any text."""
    return f"{PREFIX}{hashlib.sha256(owner.encode()).hexdigest()[:16]}-"


def remove_left(owner: str, parent: str | None = None) -> list[Path]:
    """Remove what dead daemons of the owner's name left, and nobody else's. Blocks; returns what was removed.

    Names can be taken by anybody where temporary files are: only a directory of our own user that nobody else may
    list or change is one of ours, and a link is none.
    """
    ours = [Path(entry.path) for entry in os.scandir(parent or tempfile.gettempdir()) if _ours(entry, _prefix(owner))]
    left = [claim for path in ours if (claim := take_left(path)) is not None]
    for claim in left:
        shutil.rmtree(claim.path, ignore_errors=True)
        claim.release()
    return [claim.path for claim in left]


def _ours(entry: "os.DirEntry[str]", prefix: str) -> bool:
    if not entry.name.startswith(prefix):
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and stat.S_IMODE(status.st_mode) in (0o700, PASSED)
    )
