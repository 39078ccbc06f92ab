"""Quarantine of a damaged journal: its file is marked, and moved away at the next start.

Nothing here deletes anything. All functions block.
"""

from pathlib import Path

from ..kernel.clock import Clock

MARK = ".unsound"
"""The suffix of the file that says why the journal beside it must not be opened again."""

PARTS = ("", "-wal", "-shm", MARK)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def mark_unsound(path: Path, reason: str) -> None:
    """Mark the journal for the next start. The first reason is kept."""
    mark = beside(path, MARK)
    if not mark.exists():
        mark.write_text(f"{reason}\n")


def unsound(path: Path) -> str | None:
    """Why the journal was marked."""
    mark = beside(path, MARK)
    return (mark.read_text(errors="replace").strip() or "it was marked") if mark.exists() else None


def set_aside(path: Path, clock: Clock) -> Path:
    """Move a damaged journal away, with the files beside it. Returns its new path."""
    stamp = clock.now_ms()
    while any(beside(target := path.with_name(f"{path.name}.damaged-{stamp}"), part).exists() for part in PARTS):
        stamp += 1  # a clock that was set back must not overwrite an older one
    # The database last: after a kill in between, the next start finds it without its -wal and sets it aside too.
    for part in reversed(PARTS):
        if (source := beside(path, part)).exists():
            source.rename(beside(target, part))
    return target
