"""The plan of an agent's namespaces: which files are hidden from it, and as which user it runs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from ..machine.agent_user import AgentUser

PROGRAM = Path(__file__).with_name("inside.py")


@frozen
class Plan:
    """``directories`` and ``files`` are hidden. ``read_only`` are paths in hidden directories that stay visible, and
    that no agent may change. ``user`` is the user as whom the agent runs, when it is not ours."""

    directories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    user: AgentUser | None = None

    def command(self, argv: Sequence[str], kept: Sequence[str] = ()) -> list[str]:
        """The command line that starts ``argv`` by this plan. ``kept`` are paths in hidden directories that stay
        visible. With an empty ``argv`` the namespaces are only tried."""
        inside = {path for path in kept if any(_is_below(path, hidden) for hidden in self.directories)}
        told = {
            "directories": self.directories,
            "files": self.files,
            "kept": sorted({*self.read_only, *inside}),
            "read_only": self.read_only,
            "user": () if self.user is None else (self._ids(self.user),),
        }
        words = [f"{what}={value}" for what, values in told.items() for value in values]
        return [sys.executable, "-IS", str(PROGRAM), *words, "--", *argv]

    @staticmethod
    def _ids(user: AgentUser) -> str:
        return ":".join(map(str, (user.uid, user.gid, *user.groups)))

    def hides(self, path: str) -> bool:
        """Whether exactly this directory is hidden. Then it cannot be kept: all that is in it would be visible."""
        return any(os.path.realpath(path) == os.path.realpath(hidden) for hidden in self.directories)


def _is_below(path: str, directory: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))
