"""What is done with the journal's files when one is not sound: it is marked, and at the next start moved away.

Nothing here deletes anything, and all of it blocks.
"""

from pathlib import Path

from ..kernel.clock import Clock

MARK = ".unsound"
"""Ends the name of the file that says why the journal beside it must not be opened again."""

PARTS = ("", "-wal", "-shm", MARK)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def mark_unsound(path: Path, reason: str) -> None:
    """For the next start. The first reason stays."""
    mark = beside(path, MARK)
    if not mark.exists():
        mark.write_text(f"{reason}\n")


def unsound(path: Path) -> str | None:
    """Why the journal was marked."""
    mark = beside(path, MARK)
    return (mark.read_text(errors="replace").strip() or "it was marked") if mark.exists() else None


def set_aside(path: Path, clock: Clock) -> Path:
    """Move a damaged journal away, with all that lies beside it. Returns where it is now."""
    stamp = clock.now_ms()
    while any(beside(target := path.with_name(f"{path.name}.damaged-{stamp}"), part).exists() for part in PARTS):
        stamp += 1  # a clock that was set back must not overwrite an older one
    # The database last: if we are killed in between, the next start finds it without its -wal and sets it aside too.
    for part in reversed(PARTS):
        if (source := beside(path, part)).exists():
            source.rename(beside(target, part))
    return target
