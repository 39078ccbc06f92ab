"""Finds the files that an agent wants to change: symlinks resolved, inside the workspace or outside.

The result is valid only at the moment of the look: a program that can write into the workspace can put a symlink there
before the agent writes. So a look restricts what is accepted without a human, and does not replace the agent's own
sandbox.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import PurePath

import trio
from attrs import frozen

PROTECTED = frozenset({
    ".agents", ".amp", ".claude", ".codex", ".envrc", ".git", ".mcp.json", ".opencode", "opencode.json",
    "opencode.jsonc",
})  # fmt: skip
"""Names in a workspace whose files decide which programs run, or what an agent may do."""


@frozen
class Places:
    """``files`` are the real paths. ``ordinary``: each is missing, or a regular file without a second name (a hard
    link). ``inside``: each is ordinary, in the workspace, and not protected there."""

    files: tuple[str, ...] = ()
    ordinary: bool = True
    inside: bool = False


class FileLocator:
    """Looks for one session, in a thread, one look at a time: a file system that does not answer delays no other
    session."""

    def __init__(self, directory: str, patience: float) -> None:
        """``directory`` is the workspace; ``patience`` is how many seconds a look may take."""
        self._directory = directory
        self._patience = patience
        self._one = trio.CapacityLimiter(1)

    def __repr__(self) -> str:
        return f"<FileLocator {self._directory!r}>"

    async def look(self, paths: Sequence[str]) -> Places | None:
        """Where the files are; None when that cannot be found out."""
        if not paths:
            return Places()
        with trio.move_on_after(self._patience):
            try:
                return await trio.to_thread.run_sync(
                    look, self._directory, paths, limiter=self._one, abandon_on_cancel=True
                )
            except RuntimeError:  # no thread can be started
                return None
        return None


def look(directory: str, paths: Sequence[str]) -> Places | None:
    """Where the files are; blocks. None when that cannot be found out."""
    try:
        root = os.path.realpath(directory, strict=True)
        files = [os.path.realpath(os.path.join(root, path)) for path in paths]  # noqa: PTH118 - `..` behind a symlink
        kinds = [_kind(file) for file in files]
    except (OSError, ValueError):
        return None
    ordinary = all(kinds)
    inside = ordinary and all(_is_inside(root, file) for file in files)
    return Places(tuple(files), ordinary, inside)


def _kind(file: str) -> bool:
    """Whether it is missing or ordinary. Raises OSError for a path that still leads through a symlink: a loop, or a
    link that was made during the look."""
    found: os.stat_result | None = None
    for place in (*reversed(PurePath(file).parents), PurePath(file)):
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            return True
        if stat.S_ISLNK(found.st_mode):
            raise OSError(f"a symlink that cannot be resolved: {place}")
    return found is not None and stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _is_inside(root: str, file: str) -> bool:
    path = PurePath(file)
    if file == root or not path.is_relative_to(root):
        return False
    return PROTECTED.isdisjoint(part.casefold() for part in path.relative_to(root).parts)
