"""What a tool of Amp's did to a file, told as ``file_ref`` parts with unified diffs.

`edit_file` and `apply_patch` return their diffs, between fences or below an index line. `create_file` returns a
sentence; its diff comes from its input, and is that of a new file: nobody tells what was there before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ...items import FileAction, FileRefPart
from ..diffs import created
from ..json_lines import elements, members

_ACTIONS: Mapping[str, FileAction] = {"Read": "read", "create_file": "write", "edit_file": "patch"}

_PATCHED = re.compile(r"^\*\*\* (Update|Add|Delete) File: (.*\S)", re.MULTILINE)
"""Up to the last letter of the line: one way to find it, also in a line of blanks."""

_HEADER = re.compile(r"^(---|\+\+\+) (.*?)\t.*$", re.MULTILINE)


def called_files(tool: str, arguments: Any) -> tuple[FileRefPart, ...]:
    """The files that a tool is called for."""
    said = members(arguments)
    if tool == "apply_patch":
        text = said.get("patchText")
        found = _PATCHED.findall(text) if isinstance(text, str) else []
        return tuple(FileRefPart(path, "write" if verb == "Add" else "patch") for verb, path in found)
    path, content = said.get("path"), said.get("content")
    if tool not in _ACTIONS or not isinstance(path, str):
        return ()
    diff = created(path, content) if tool == "create_file" and isinstance(content, str) else None
    return (FileRefPart(path, _ACTIONS[tool], diff),)


def touched_files(result: Any, called: tuple[FileRefPart, ...]) -> tuple[FileRefPart, ...]:
    """``called`` stands in where the result tells nothing of files."""
    facts = members(result)
    if patched := tuple(_patched(facts)):
        return patched
    diff = facts.get("diff")
    if isinstance(diff, str) and len(called) == 1:
        return (FileRefPart(called[0].path, "patch", plain_diff(diff)),)
    return called


def _patched(facts: Mapping[str, Any]) -> Iterator[FileRefPart]:
    for file in map(members, elements(facts.get("files"))):
        uri, diff = file.get("uri"), file.get("diff")
        if isinstance(uri, str):
            action: FileAction = "write" if file.get("type") == "add" else "patch"
            yield FileRefPart(_path(uri), action, plain_diff(diff) if isinstance(diff, str) else None)


def _path(uri: str) -> str:
    """A path as it is, also one that looks like a URL and is none."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    return unquote(parts.path) if parts.scheme == "file" else uri


def plain_diff(text: str) -> str:
    """Without the fences, the index line, and what Amp writes behind the names."""
    lines = text.strip("\n").split("\n")
    if lines[0].startswith("```"):
        lines = lines[1 : -1 if lines[-1].startswith("```") else None]
    start = next((number for number, line in enumerate(lines) if line.startswith("--- ")), None)
    return text if start is None else _HEADER.sub(r"\1 \2", "\n".join(lines[start:]) + "\n")
