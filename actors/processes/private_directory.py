"""The private directory of one agent process: files that the daemon gives it to read, and the socket of its hooks."""

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
"""The mode of a directory that other users may enter but not list."""

_log = structlog.get_logger("agent")


ATTEMPTS = 3
"""How often a new directory is made when another daemon, which looks for orphans, took it for one."""


class PrivateDirectory:
    """Mode 0700, with a name that cannot be guessed; :meth:`remove` deletes it with its content. The claim shows that
    it is in use; None where directories cannot be locked.

    For agents of another user it is inside a directory of our user that they may enter (:meth:`let_pass`); otherwise
    they could replace it while we write into it. Its content belongs to them from :meth:`hand_over` on, and nothing is
    written into it after that."""

    def __init__(self, path: Path, claim: DirectoryClaim | None = None) -> None:
        self.path = path
        self.claim = claim

    def __repr__(self) -> str:
        return f"<PrivateDirectory {self.path}>"

    @classmethod
    async def make(cls, owner: str, parent: str | None = None) -> "PrivateDirectory":
        """Make it below ``parent``, or among the temporary files. ``owner`` is the daemon's name across restarts, by
        which :func:`remove_left` finds what a kill left. Raises OSError."""
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
        """Raises OSError, also when the file exists already."""
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
        """Let other users reach files in it by name; they may neither list nor change its content. Raises OSError."""
        await trio.to_thread.run_sync(self.path.chmod, PASSED)

    async def hand_over(self, user: AgentUser) -> None:
        """Give it to the user, with its content. Raises OSError."""
        await trio.to_thread.run_sync(hand_over, self.path, user)

    async def remove(self, reserve: DescriptorReserve) -> None:
        """Delete it. Raises nothing: failures are in the log, and the daemon's next start removes the rest."""
        try:
            await reserve.run(self._remove)
        except Exhausted as error:
            _log.warning("an agent's private directory stays", path=str(self.path), error=str(error))
        if self.claim is not None:
            self.claim.release()

    def _remove(self) -> None:
        """Delete as much as possible. Raises OSError when descriptors or memory are used up."""
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            if exhausted(error):
                raise
            shutil.rmtree(self.path, ignore_errors=True)


def hand_over(path: Path, user: AgentUser) -> None:
    """Give a directory to a user, with its content. Blocks; raises OSError."""
    for _, folders, files, handle in os.fwalk(path, topdown=False):
        for name in (*folders, *files):
            os.chown(name, user.uid, user.gid, dir_fd=handle, follow_symlinks=False)
    os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _remove_empty(path: Path) -> None:
    """Needs no descriptor: the directory may be deleted because there is none."""
    with suppress(OSError):
        path.rmdir()


def _prefix(owner: str) -> str:
    """The owner, hashed: other users can list these names, and an owner may be any text."""
    return f"{PREFIX}{hashlib.sha256(owner.encode()).hexdigest()[:16]}-"


def remove_left(owner: str, parent: str | None = None) -> list[Path]:
    """Remove what dead daemons of this owner left, and nothing else. Blocks; returns what was removed.

    Any user can make such names among the temporary files. So only a directory of our own user that no other user may
    list or change counts, and no link.
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
