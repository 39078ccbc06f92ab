"""Paths that a client names: where a session works, and the files that go with a prompt.

An error of the system about such a path is for the client or the administrator to correct. It is answered with a
problem that names the path and the reason. Only a shortage (descriptors, memory) is the daemon's.
"""

import errno
import os
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import evolve, frozen

from ...schema.foreign.not_readable import NotReadable
from ...schema.problems import invalid_request
from ..machine.agent_user import AgentUser
from .foreign_file import opened, read_opened
from .reader import ForeignFiles

_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

SHOWN = 300
"""Most characters of a path that a problem quotes."""


@contextmanager
def told(what: str, path: str, missing: str) -> Generator[None]:
    """Raises the ``invalid_request`` problem for the system's errors about this path. ``missing`` is the text for a
    path that does not exist."""
    try:
        yield
    except FileNotFoundError as error:
        raise invalid_request(missing) from error
    except OSError as error:
        if error.errno in _OURS:
            raise
        raise invalid_request(f"{what} {shown(path)} cannot be used: {error.strerror or error}") from error
    except NotReadable as error:
        raise invalid_request(f"{what} {shown(path)} {error}") from error
    except ValueError as error:  # a NUL, or a surrogate that no file name can hold
        raise invalid_request(f"{what} {shown(path)} cannot be used: {error}") from error


def shown(path: str) -> str:
    """The path as a problem quotes it. A surrogate is replaced, because JSON cannot carry it."""
    text = path if len(path) <= SHOWN else f"{path[:SHOWN]}… ({len(path)} characters)"
    return text.encode("utf-8", "backslashreplace").decode()


async def working_directory(wanted: str | None, files: ForeignFiles, user: AgentUser | None = None) -> str:
    """The absolute working directory of a session, as it was named; the daemon's own when none is named.

    The user that runs the agents must be able to enter and to list it, because an agent lists its directory first. The
    daemon's own user need not be able to write there: a session may only read. Another ``user`` must be able to write:
    mostly the owner of the directory was forgotten. The daemon does not change the owner.
    """
    if not wanted:
        missing = "the daemon's own working directory is gone; name one with `directory`"
        with told("the daemon's own working directory", "", missing):
            wanted = os.getcwd()  # noqa: PTH109 - one system call
    elif not os.path.isabs(wanted):  # noqa: PTH117 - it stays the text that it is
        raise invalid_request(f"directory must be an absolute path; got {shown(wanted)!r}")
    with told("directory", wanted, f"directory not found: {shown(wanted)}"):
        if user is None:
            await files.run(wanted, partial(_enter_and_list, wanted))
            return wanted
        mend = await files.run(wanted, partial(_as_user, wanted, user))
    if mend is not None:
        raise invalid_request(mend)
    return wanted


def _as_user(path: str, user: AgentUser) -> str | None:
    """What prevents the user from working there, and how to correct it. Call it with the user's rights."""
    try:
        _enter_and_list(path)
        denied = "" if os.access(path, os.W_OK, effective_ids=True) else "write"
    except PermissionError:
        denied = "enter and list"
    if not denied:
        return None
    where = shlex.quote(shown(path))
    return (
        f"directory {shown(path)}: agents run as {user}, who may not {denied} there; give it to that user "
        f"(chown -R {user.uid}:{user.gid} {where}), or to a group of its (chgrp -R, chmod -R g+rwX), or name another "
        "directory"
    )


def _enter_and_list(path: str) -> None:
    """Try it; raises OSError. A directory's mode does not always say who may do what."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.stat(".", dir_fd=handle)
    finally:
        os.close(handle)


@frozen
class ClientFile:
    """A file that a client named. ``content`` is None when it was not asked for."""

    path: str
    content: bytes | None


@frozen
class Room:
    """How many bytes the content of a file may have: alone, within the total of one prompt, and within the line in
    which the agent repeats the prompt, if it does. ``by_path``: a file that is too long for that line is not read, and
    is passed by its path."""

    alone: int
    together: int
    line: int | None = None
    by_path: bool = False

    def less(self, taken: int) -> "Room":
        line = None if self.line is None else self.line - taken
        return evolve(self, together=self.together - taken, line=line)


async def attached_file(name: str, directory: str, room: Room | None, files: ForeignFiles) -> ClientFile:
    """A file that the agent can read; relative names start at the directory. Its content is read within the room that
    there is; a longer file is refused."""
    missing = f"attachment not found: {shown(name)} (relative paths start at {shown(directory)})"
    with told("attachment", name, missing):
        path = Path(directory, name)
        content = await files.run(str(path), partial(_read, path, room))
    return ClientFile(str(path), content)


def _read(path: Path, room: Room | None) -> bytes | None:
    with opened(path) as handle:
        if room is None:
            return None
        size = os.fstat(handle).st_size
        most = room.alone
        if room.line is not None and max(room.line, 0) < min(most, size):
            if room.by_path:
                return None
            raise NotReadable(
                f"is too large: it has {size} bytes, and the agent repeats the prompt in one line, which has room for "
                f"{max(room.line, 0)} bytes more of its files (--max-line-bytes)"
            )
        if room.together < min(most, size):
            raise NotReadable(f"is too large: those of one prompt may have {room.together} bytes more together")
        return read_opened(handle, min(most, room.together))
