"""What a patch does to files, told as ``file_ref`` parts with unified diffs.

Codex tells the whole content of a file that is added or deleted, and of an update only the hunks.
"""

from collections.abc import Iterator
from typing import Any

from ...items import FileRefPart
from ..diffs import created, deleted
from ..json_lines import elements


def file_refs(changes: Any) -> tuple[FileRefPart, ...]:
    return tuple(_refs(changes))


def _refs(changes: Any) -> Iterator[FileRefPart]:
    for change in elements(changes):
        match change:
            case {"path": str(path), "kind": {"type": "add"}, "diff": str(content)}:
                yield FileRefPart(path, "write", created(path, content))
            case {"path": str(path), "kind": {"type": "delete"}, "diff": str(content)}:
                yield FileRefPart(path, "patch", deleted(path, content))
            case {"path": str(path), "kind": {"move_path": str(target)}, "diff": str(hunks)}:
                hunks = hunks.removesuffix(f"\n\nMoved to: {target}")  # codex's own words, no part of the diff
                yield FileRefPart(target, "patch", f"--- {path}\n+++ {target}\n{hunks}")
            case {"path": str(path), "diff": str(hunks)}:
                yield FileRefPart(path, "patch", f"--- {path}\n+++ {path}\n{hunks}")
            case _:
                pass
