"""What a tool did to a file, told as a ``file_ref`` part with a unified diff.

The facts stand in ``tool_use_result`` beside the text for the model. Edit and Write carry ``structuredPatch``, whose
hunks already hold prefixed lines; a Write that made the file carries only its content.
"""

from collections.abc import Mapping
from typing import Any

from ...items import FileAction, FileRefPart
from ..diffs import created
from ..json_lines import elements, members

_ACTIONS: Mapping[str, FileAction] = {
    "Read": "read",
    "Write": "write",
    "Edit": "patch",
    "MultiEdit": "patch",
    "NotebookEdit": "patch",
}


def called_file(tool: str, arguments: Any) -> FileRefPart | None:
    """The file that a tool is called for. All that is known of a sub-agent's edits: their results carry no facts."""
    action = _ACTIONS.get(tool)
    if action is None:
        return None
    said = members(arguments)
    path = said.get("file_path") or said.get("notebook_path")
    return FileRefPart(path, action) if isinstance(path, str) else None


def file_refs(result: Any, called: tuple[FileRefPart, ...]) -> tuple[FileRefPart, ...]:
    """``called`` stands in where the result has no facts, or none about a file."""
    facts = members(result)
    path = facts.get("filePath")
    if isinstance(path, str) and "structuredPatch" in facts:
        return (FileRefPart(path, "patch" if "oldString" in facts else "write", _diff(path, facts)),)
    return called


def _diff(path: str, facts: dict[str, Any]) -> str | None:
    content = facts.get("content")
    if facts.get("type") == "create" and isinstance(content, str):
        return created(path, content)
    return unified(path, facts["structuredPatch"])


def unified(path: str, hunks: Any) -> str | None:
    """``structuredPatch`` as a unified diff; None when it has no hunks or not the shape that we know."""
    try:
        body = "".join(_hunk(members(hunk)) for hunk in elements(hunks))
    except (KeyError, TypeError):
        return None
    return f"--- {path}\n+++ {path}\n{body}" if body else None


def _hunk(hunk: dict[str, Any]) -> str:
    head = f"@@ -{hunk['oldStart']},{hunk['oldLines']} +{hunk['newStart']},{hunk['newLines']} @@\n"
    return head + "".join(line + "\n" for line in hunk["lines"])
