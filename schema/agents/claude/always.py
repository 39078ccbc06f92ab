"""What an `always` is about for a tool of claude's."""

from collections.abc import Mapping
from typing import Any

from ...approvals.always import Always, of_command, of_files, of_named_tool, of_url
from ..json_lines import members

_FILES: Mapping[str, str] = {
    "Edit": "file_path",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "Read": "file_path",
    "Write": "file_path",
}
"""Tools that are about one file, and the member that names it."""

_TALK = ("command", "description", "timeout")
"""Members of a command that do not change what it does, beside the command itself."""


def always_of(tool: str, arguments: Any) -> Always:
    said = members(arguments)
    command, url, path = said.get("command"), said.get("url"), said.get(_FILES.get(tool, ""))
    if tool == "Bash" and isinstance(command, str):
        return of_command(tool, command, {name: value for name, value in said.items() if name not in _TALK})
    if isinstance(path, str):
        return of_files(tool, [tool], [path])
    if tool == "WebFetch" and isinstance(url, str):
        return of_url(tool, url)
    return of_named_tool(tool, arguments)
