"""The home: where the user's files are, and ours below it. The same for the daemon, its agents and the command line.

HOME says it; without HOME, passwd does. A container under an arbitrary uid (as in OpenShift) has neither: then a
private directory among the temporary files is the home. It is never below the current directory, which may be a
repository: a variable that is empty or not an absolute path counts as not set, as the XDG base directory specification
demands.
"""

import os
import pwd
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from attrs import frozen

from ..machine.agent_user import AgentUser

TEMPORARY = "/tmp"  # noqa: S108 - what is made there is checked

PATHS = (
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
)
"""Variables by which programs find the user's files. An agent would take a relative path as below its directory."""


class NoHome(Exception):
    """There is no home, and no place where one can be made. The operator must correct it."""


@frozen
class Home:
    path: Path
    source: Literal["HOME", "passwd", "temporary"]

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> "Home":
        """Makes the temporary home when there is no other. Raises :class:`NoHome`."""
        if said := absolute(environment, "HOME"):
            return cls(Path(said), "HOME")
        with suppress(KeyError):
            known = pwd.getpwuid(os.geteuid()).pw_dir
            if known.startswith("/"):
                return cls(Path(known), "passwd")
        uid = os.geteuid()
        why = f"HOME is not set, uid {uid} is in no passwd"
        return cls(_temporary(environment, uid, why, "set HOME to a directory that can be written"), "temporary")

    @classmethod
    def of_user(cls, user: AgentUser, environment: Mapping[str, str]) -> "Home":
        """The user's home in passwd, if it exists; otherwise a temporary one, which is made and given to the user.
        Raises :class:`NoHome`."""
        if user.home is not None and user.home.startswith("/") and Path(user.home).is_dir():
            return cls(Path(user.home), "passwd")
        why = f"passwd has none for {user}" if user.home is None else f"that of {user} in passwd, {user.home}, is none"
        mend = "give the user one in passwd, or remove what is there"
        with user.rights():
            return cls(_temporary(environment, user.uid, why, mend), "temporary")

    def troubles(self, environment: Mapping[str, str]) -> list[str]:
        """Messages for the operator about the home, each with how to correct it."""
        found = [
            f"{name} is {value!r}, which is not an absolute path, and is not used"
            for name in PATHS
            if (value := environment.get(name)) and not value.startswith("/")
        ]
        user = f"uid {os.geteuid()}"
        if self.source == "temporary":
            found.append(
                f"no home directory: HOME is not set, and {user} is in no passwd; {self.path} is used, which may not "
                "outlive this machine or container; set HOME"
            )
        elif not os.access(self.path, os.W_OK | os.X_OK):
            found.append(
                f"the home directory {self.path} cannot be written by {user}: agents can keep neither logins nor "
                "conversations there; set HOME to a directory that can"
            )
        return found


def absolute(environment: Mapping[str, str], name: str) -> str | None:
    """The path in a variable; None when it is not set, or is no absolute path."""
    value = environment.get(name)
    return value if value and value.startswith("/") else None


def base_directory(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    """A directory of the XDG specification. Raises :class:`NoHome` when it needs the home and there is none."""
    return Path(absolute(environment, variable) or Home.find(environment).path / below_home)


def settled(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for the user's programs: HOME is this home, and no path of :data:`PATHS` is relative."""
    found = {name: value for name, value in environment.items() if name not in PATHS or value.startswith("/")}
    with suppress(NoHome):
        found["HOME"] = str(Home.find(environment).path)
    return found


def _temporary(environment: Mapping[str, str], uid: int, why: str, mend: str) -> Path:
    """Make the directory for the user only, or raise: other users can make names among the temporary files, and read
    what is open to them."""
    path = Path(absolute(environment, "TMPDIR") or TEMPORARY, f"sandbox-agent-home-{uid}")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise NoHome(f"no home directory: {why}, and {path} cannot be made: {error.strerror}; {mend}") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or stat.S_IMODE(status.st_mode) & 0o077:
        raise NoHome(f"no home directory: {why}, and {path} is not for uid {uid} alone; {mend}")
    return path
