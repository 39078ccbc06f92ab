"""What the mock agent keeps of a conversation after its process has ended: how many prompts it had.

The daemon says where the file is, and removes it with the session (``actors/agents/mock_conversations.py``). Without a
file, or when it cannot be written, the agent remembers nothing, and says so.
"""

import os
from contextlib import suppress

WIDTH = 20
"""Digits of the one number in the file. It has a fixed length, so that it can be overwritten in place."""


class Conversation:
    """``kept`` is false when nothing outlives the process; ``lost`` is true when the conversation to resume does not
    exist. ``prompts`` counts all prompts of the conversation."""

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
