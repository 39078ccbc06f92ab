"""The value of ``--agent-user``, the user as whom agents run: ``NAME``, ``UID``, ``NAME:GID`` or ``UID:GID``."""

import re

from attrs import frozen

MOST = (1 << 32) - 2
"""The highest id. The next number means "no change" to the kernel."""

_TEXT = re.compile(r"(?P<user>[A-Za-z_][A-Za-z0-9_.@-]*\$?|[0-9]{1,10})(:(?P<group>[0-9]{1,10}))?")


@frozen
class UserName:
    """``user`` is a name or decimal."""

    user: str
    group: int | None

    @classmethod
    def parse(cls, text: str) -> "UserName":
        """Raises ValueError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"setting agent_user must be NAME, UID, NAME:GID or UID:GID; got {text!r}")
        user, group = found["user"], found["group"]
        for number in (user, group or "0"):
            if number.isdecimal() and int(number) > MOST:
                raise ValueError(f"setting agent_user must name ids of at most {MOST}; got {text!r}")
        return cls(user, None if group is None else int(group))
