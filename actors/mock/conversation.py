"""What the mock agent remembers of a conversation when its process is gone: how many prompts it had.

Every agent keeps its conversations in the user's home; this one in ``$XDG_STATE_HOME/sandbox-agent/mock``, by default
below ``~/.local/state``. Where that cannot be written it remembers nothing, and says so.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

WIDTH = 20
"""Digits of the one number in the file: written over in place, it is never half there."""


class Conversation:
    """``kept`` is false when nothing outlives the process, ``lost`` true when what should be resumed is not there.
    ``prompts`` counts those that it had, this life's too."""

    def __init__(self, session: str, resume: bool, environment: Mapping[str, str]) -> None:
        self.prompts = 0
        self.lost = resume
        self._file: int | None = None
        directory = _directory(environment)
        if directory is None:
            return
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - pathlib would lengthen every start
            path = f"{directory}/{_name(session)}"
            self.lost = resume and not os.path.exists(path)  # noqa: PTH110 - as above
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if resume else os.O_TRUNC)
            self._file = os.open(path, flags, 0o600)
            self.prompts = int(os.pread(self._file, WIDTH, 0) or 0)
        except (OSError, ValueError):
            pass  # what cannot be read is begun anew

    def __repr__(self) -> str:
        return f"<Conversation prompts={self.prompts} {'kept' if self.kept else 'not kept'}>"

    @property
    def kept(self) -> bool:
        return self._file is not None

    def prompted(self) -> None:
        self.prompts += 1
        if self._file is not None:
            with suppress(OSError):  # a full disk is no reason to stop
                os.pwrite(self._file, b"%0*d" % (WIDTH, self.prompts), 0)


def _directory(environment: Mapping[str, str]) -> str | None:
    """None without a home: one that is not there is not ours to make. A relative one is none."""
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    base = state if state.startswith("/") else home
    if not base.startswith("/") or not os.access(base, os.W_OK):
        return None
    return f"{state if base == state else f'{home}/.local/state'}/sandbox-agent/mock"


def _name(session: str) -> str:
    plain = session.replace("-", "").replace("_", "")
    return session if plain.isalnum() and plain.isascii() else "x" + session.encode().hex()
