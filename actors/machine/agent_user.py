"""The user as whom agents run, when it is not the daemon's own. credentials(7), setfsuid(2).

The daemon reads with this user's rights what it reads for an agent or a client. As root it would follow a link in a
workspace to any file of the machine.
"""

import ctypes
import os
import pwd
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from attrs import frozen

from ...schema.agent_user import UserName

OF_A_USER = frozenset({
    "HOME", "LOGNAME", "MAIL", "USER", "USERNAME",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
})  # fmt: skip
"""Variables that name the daemon's user, and where that user's files are."""

Rights = Callable[[], AbstractContextManager[None]]
"""Makes a context manager in which a thread has the rights of a user."""

_libc = ctypes.CDLL(None)


class NoSuchUser(Exception):
    """The message says what is wrong with the named user."""


@frozen
class AgentUser:
    """``name`` is the number where passwd has no name. ``groups`` are all groups of the user. ``home`` is from
    passwd."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str | None = None

    def __str__(self) -> str:
        return self.name if self.name == f"uid {self.uid}" else f"{self.name} (uid {self.uid})"

    @classmethod
    def find(cls, text: str) -> "AgentUser":
        """The user that the setting names. Raises :class:`NoSuchUser`."""
        said = UserName.parse(text)
        known = _known(said.user)
        if known is None and not said.user.isdecimal():
            raise NoSuchUser(f"passwd knows no user {said.user!r}; name one that it knows, or a number")
        uid = int(said.user) if known is None else known.pw_uid
        gid = uid if known is None else known.pw_gid
        groups = (gid,)
        if said.group is not None:
            gid = said.group
            groups = (gid,)  # and no others, as who names a group wants it
        elif known is not None:
            groups = tuple(os.getgrouplist(known.pw_name, gid))
        if uid == 0:
            raise NoSuchUser(f"{said.user!r} is root, from whom agents are to be kept; name another user")
        if 0 in groups:
            raise NoSuchUser(f"{said.user!r} is in the group 0, which is root's; name another, as in {said.user}:{uid}")
        name = f"uid {uid}" if known is None else known.pw_name
        return cls(name, uid, gid, groups, None if known is None else known.pw_dir)

    def environment(self, environment: Mapping[str, str], home: str) -> dict[str, str]:
        """The daemon's environment, changed for this user."""
        kept = {name: value for name, value in environment.items() if name not in OF_A_USER}
        name = str(self.uid) if self.name == f"uid {self.uid}" else self.name
        return kept | {"HOME": home, "USER": name, "LOGNAME": name}

    def become(self) -> None:
        """Change this process to the user, permanently: for a child before exec. Makes only system calls."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)

    @contextmanager
    def rights(self) -> Generator[None]:
        """Inside, this thread has the user's rights to files, and no more. Do not await, fork or start a thread in it.
        It is only right while the process is in the user's groups: :meth:`share_groups`."""
        gid, uid = _set(_libc.setfsgid, self.gid), _set(_libc.setfsuid, self.uid)
        try:
            yield
        finally:
            _set(_libc.setfsuid, uid)
            _set(_libc.setfsgid, gid)

    def share_groups(self) -> None:
        """Put this process into the user's groups and no others. Root loses nothing by that. Without it,
        :meth:`rights` would leave the thread with root's groups. Raises OSError."""
        os.setgroups(self.groups)


def _set(call: Any, number: int) -> int:
    """Returns the former value. These calls report no error: whether they work is tried at the daemon's start."""
    return int(call(ctypes.c_uint32(number))) & 0xFFFFFFFF


def _known(user: str) -> "pwd.struct_passwd | None":
    with suppress(KeyError, OverflowError):
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    return None
