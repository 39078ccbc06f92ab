"""What an `always` is about for a tool of Amp's."""

import re
from collections.abc import Iterator
from typing import Any

from ...approvals.always import Always, of_command, of_files, of_named_tool, of_url
from ..json_lines import members

EDITS = ("apply_patch", "create_file", "edit_file")
"""Tools that change files and do nothing else."""

_COMMANDS = ("Bash", "async_shell_command", "shell_command")
_FILES = ("Read", "create_file", "edit_file")

_TALK = ("cmd", "command", "cwd", "description", "timeout", "timeout_ms", "workdir")
"""Members of a command that do not change what it does, or that are told apart."""

_TARGET = re.compile(r"\*\*\* (Add File|Update File|Delete File|Move to): (.*\S)\s*")
_VERBS = {"Add File": "write", "Update File": "write", "Delete File": "delete", "Move to": "write"}
_OTHERS = ("*** Begin Patch", "*** End Patch", "*** End of File")


def always_of(tool: str, arguments: Any) -> Always:
    said = members(arguments)
    command, path, url = said.get("command", said.get("cmd")), said.get("path"), said.get("url")
    if tool in _COMMANDS and isinstance(command, str):
        where = said.get("workdir", said.get("cwd"))
        more = {name: value for name, value in said.items() if name not in _TALK}
        return of_command(tool, command, more, where if isinstance(where, str) else None)
    if tool in _FILES and isinstance(path, str):
        return of_files(tool, [tool], [path])
    if tool == "apply_patch" and (targets := _targets(said.get("patchText"))):
        return of_files(tool, *zip(*targets, strict=True))
    if tool == "read_web_page" and isinstance(url, str):
        return of_url(tool, url)
    return of_named_tool(tool, arguments)


def _targets(patch: Any) -> list[tuple[str, str]]:
    """Each path that a patch touches; none when a line of it is not understood."""
    found = list(_found(patch)) if isinstance(patch, str) else []
    return [] if None in found else [target for target in found if target is not None]


def _found(patch: str) -> Iterator[tuple[str, str] | None]:
    for line in patch.splitlines():
        if not line.lstrip().startswith("***") or line.strip() in _OTHERS:
            continue
        target = _TARGET.fullmatch(line.strip())
        yield (_VERBS[target[1]], target[2]) if target else None
