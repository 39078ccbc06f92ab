"""Amp's settings file for one process: the user's own, and behind their rules ours.

The first rule that matches decides. A rule of the user's that rejects, allows or delegates stays what it is; one that
asks, which `--execute` would refuse, asks through our hook. A repository's `.amp/settings.json` comes before both where
the workspace is trusted: what it allows is allowed, as Amp has it.
"""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from ...foreign.jsonc import to_json
from ...problems import invalid_request
from ..dialect import Hook, UserFile
from ..json_lines import BAD_JSON, elements, members, plain

PERMISSIONS = "amp.permissions"
ALLOW_ALL = "amp.dangerouslyAllowAll"

SETTINGS = "settings.json"
HOOK = "ask"
"""The names of our files."""

_READS = (
    "Grep", "Read", "find_thread", "glob", "list_directory", "read_mcp_resource", "read_thread", "shell_command_status",
    "skill",
)  # fmt: skip
"""Tools that only look, and only at what the agent may see anyway. The web is not among them: a URL can carry data
away. Neither are tools of MCP servers, whatever they are called."""


def settings(permission_mode: str, hook: Hook, user_file: UserFile | None) -> bytes:
    """Raises the ``invalid_request`` problem for a file of the user's that nobody can read: without it, what they have
    forbidden would be allowed."""
    users = _read(user_file) if user_file is not None else {}
    if permission_mode == "bypass":
        return msgspec.json.encode({**users, ALLOW_ALL: True})
    delegate = {"action": "delegate", "to": f"{hook.directory}/{HOOK}"}
    rules = [
        *(_asking(rule, delegate) for rule in elements(users.get(PERMISSIONS))),
        *({"tool": tool, "action": "allow"} for tool in _READS),
        {"tool": "*", **delegate},
    ]
    return msgspec.json.encode({**users, PERMISSIONS: rules, ALLOW_ALL: False})


def hook_program(hook: Hook) -> bytes:
    """Amp runs one program, without arguments."""
    return f"#!/bin/sh\nexec {shlex.join(hook.command)}\n".encode()


def _asking(rule: Any, delegate: Mapping[str, str]) -> Any:
    return {**members(rule), **delegate} if members(rule).get("action") == "ask" else rule


def _read(file: UserFile) -> dict[str, Any]:
    """JSON, with the comments and trailing commas that Amp takes."""
    try:
        text = file.content.decode("utf-8-sig")
        text = to_json(text)
        value: Any = plain(text.encode()) if text.strip() else {}
    except (ValueError, *BAD_JSON) as error:
        raise invalid_request(f"amp's settings in {file.path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise invalid_request(f"amp's settings in {file.path} are no JSON object")
    return members(value)
