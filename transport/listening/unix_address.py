"""The address of a unix socket, as ``--host``, ``--endpoint`` and address files write it: ``unix:/run/me/api.sock``,
and ``unix:/run/me/api.sock:/base`` where a base path follows."""

import os

from attrs import frozen

PREFIX = "unix:"
MAX_PATH_BYTES = 107
"""Of ``sun_path`` on Linux, less its final zero (unix(7))."""


@frozen
class UnixAddress:
    path: str
    base_path: str = ""

    def __str__(self) -> str:
        return f"{PREFIX}{self.path}:{self.base_path}" if self.base_path else f"{PREFIX}{self.path}"

    @classmethod
    def parse(cls, text: str) -> "UnixAddress | None":
        """None for what is no unix socket's. Raises :class:`ValueError` for one that cannot be."""
        if not text.startswith(PREFIX):
            return None
        path, _, base_path = text.removeprefix(PREFIX).partition(":")
        if not path.startswith("/"):
            raise ValueError(f"{text!r} must name an absolute path, like unix:/run/user/1000/sandbox-agent/api.sock")
        if base_path and not base_path.startswith("/"):
            raise ValueError(f"{text!r}: what follows the second colon is a base path, like :/agents")
        if "\0" in path or path.endswith("/"):
            raise ValueError(f"{text!r} must name a socket, not a directory")
        if (size := len(os.fsencode(path))) > MAX_PATH_BYTES:
            raise ValueError(
                f"the path of a unix socket has at most {MAX_PATH_BYTES} bytes on this system, and {path!r} has "
                f"{size}; choose a shorter one"
            )
        return cls(path, base_path.rstrip("/"))
