"""What an `always` is about for a request of codex's. Codex's own ways to remember one (`acceptForSession`, `persist`,
an amendment of its policy) are not used: they cannot be listed or taken back, and an amendment is a prefix."""

from collections.abc import Iterator
from typing import Any

from ...approvals.always import Always, of_command, of_files, of_input, of_mcp_tool
from ..json_lines import as_text, elements, members
from .tools import APPLY_PATCH, SHELL, bare_command

_TALK = frozenset({
    "approvalId", "availableDecisions", "command", "commandActions", "cwd", "environmentId", "itemId",
    "proposedExecpolicyAmendment", "proposedNetworkPolicyAmendments", "reason", "startedAtMs", "threadId", "turnId",
})  # fmt: skip
"""Members of a command's request that do not say what would run, or that are told apart. What codex adds one day is
taken to matter: then it asks again."""


FRESH = "humanCommand"
"""The kind of command that codex wants a fresh decision of a human about, each time."""


def of_run(params: dict[str, Any], directory: str) -> Always | None:
    if params.get("kind") == FRESH:
        return None
    more = {name: value for name, value in params.items() if name not in _TALK}
    if more.get("kind") == "command":
        del more["kind"]
    cwd = params.get("cwd")
    elsewhere = cwd if isinstance(cwd, str) and cwd != directory else None
    return of_command(SHELL, bare_command(params.get("command")), more, elsewhere)


def of_patch(changes: Any) -> Always | None:
    """None for changes that are not understood or not told: nobody can have seen them."""
    targets = list(_targets(changes))
    if not targets or None in targets:
        return None
    known = [target for target in targets if target is not None]
    return of_files(APPLY_PATCH, [verb for verb, _ in known], [path for _, path in known])


def _targets(changes: Any) -> Iterator[tuple[str, str] | None]:
    """Each path that a patch touches, also the one that it moves a file to."""
    for change in elements(changes):
        match change:
            case {"path": str(path), "kind": {"type": "add"}}:
                yield "write", path
            case {"path": str(path), "kind": {"type": "delete"}}:
                yield "delete", path
            case {"path": str(path), "kind": {"type": "update", "move_path": str(target)}}:
                yield "move", path
                yield "write", target
            case {"path": str(path), "kind": {"type": "update", "move_path": None}}:
                yield "write", path
            case {"path": str(path), "kind": {"type": "update", **rest}} if "move_path" not in rest:
                yield "write", path
            case _:
                yield None


def of_tool(server: Any, tool: Any, arguments: Any) -> Always:
    if isinstance(server, str) and isinstance(tool, str):
        return of_mcp_tool(server, tool)
    return of_input(as_text(tool), members(arguments))
