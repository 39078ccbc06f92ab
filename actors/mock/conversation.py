"""What the mock agent remembers of a conversation when its process is gone: how many prompts it had.

The daemon says where its file is, and removes it with the session (``actors/agents/mock_conversations.py``). Without
one, or where it cannot be written, it remembers nothing, and says so.
"""

import os
from contextlib import suppress

WIDTH = 20
"""Digits of the one number in the file: written over in place, it is never half there."""


class Conversation:
    """``kept`` is false when nothing outlives the process, ``lost`` true when what should be resumed is not there.
    ``prompts`` counts those that it had, this life's too."""

    def __init__(self, path: str | None, resume: bool) -> None:
        self.prompts = 0
        self.lost = resume
        self._file: int | None = None
        if path is None:
            return
        try:
            # pathlib would lengthen every start.
            os.makedirs(path.rpartition("/")[0], mode=0o700, exist_ok=True)  # noqa: PTH103
            self.lost = resume and not os.path.exists(path)  # noqa: PTH110
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
