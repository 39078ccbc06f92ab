"""What an `always` is about for a permission of opencode's. Its own `always` is a pattern (`touch *`, `*`) that counts
for every session of its server and cannot be taken back: it is not used."""

from typing import Any

from ...approvals.always import Always, of_command, of_files, of_input, of_mcp_tool, of_url
from ..json_lines import as_text, elements, members
from .wire import PermissionAsked

_OWN = frozenset({
    "bash", "codesearch", "doom_loop", "edit", "external_directory", "glob", "grep", "list", "lsp", "plan_enter",
    "plan_exit", "question", "read", "skill", "task", "todoread", "todowrite", "webfetch", "websearch",
})  # fmt: skip
"""Opencode's permissions. Every other one is named after a tool of an MCP server, or of a plugin."""

_TALK = ("command", "description", "timeout")
"""Arguments of a command that do not change what it does, beside the command itself."""


def always_of(asked: PermissionAsked, arguments: Any) -> Always:
    """``arguments`` are the tool call's, as far as they are known: a permission does not tell where a command runs."""
    facts, said = members(asked.metadata), members(arguments)
    match asked.permission:
        case "bash" if isinstance(command := facts.get("command"), str):
            more = {name: value for name, value in said.items() if name not in _TALK}
            directory = more.pop("workdir", None)
            where = directory if isinstance(directory, str) else None
            return of_command("bash", command, more, where)
        case "edit" if files := _edited(facts):
            return of_files("edit", *zip(*files, strict=True))
        case "read" if isinstance(path := said.get("filePath"), str):
            return of_files("read", ["read"], [path])
        case "webfetch" if isinstance(url := facts.get("url"), str):
            return of_url("webfetch", url)
        case "external_directory":
            return of_input("external_directory", asked.patterns)
        case permission if permission not in _OWN and not facts:
            return of_mcp_tool("", permission)
        case permission:
            return of_input(permission, [asked.patterns, asked.metadata])


def _edited(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Each file that is changed, also the one that a file is moved to; none when they are not told."""
    if not facts.get("files"):
        path = facts.get("filepath")
        return [("edit", path)] if isinstance(path, str) else []
    found: list[tuple[str, str]] = []
    for file in map(members, elements(facts.get("files"))):
        path, target = file.get("filePath"), file.get("movePath")
        if not isinstance(path, str) or not (target is None or isinstance(target, str)):
            return []
        found.append(("delete" if file.get("type") == "delete" else "move" if target else "edit", path))
        if target:
            found.append(("edit", target))
    return found


def left_out(asked: PermissionAsked, arguments: Any) -> dict[str, Any]:
    """What the permission leaves out: where a command runs, and with what a tool is called that it tells nothing of."""
    said = members(arguments)
    if asked.permission == "bash":
        return {"workdir": as_text(said["workdir"])} if said.get("workdir") else {}
    return {"toolInput": said} if said and not members(asked.metadata) else {}
