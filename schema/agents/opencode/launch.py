"""How opencode is started: its server, its permissions, its modes (measured on 1.18.33).

The server allows everything by default, so what our permission mode asks for stands in its configuration. A rule of
the session itself would not do: the sessions of sub-agents inherit none of them.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ...problems import invalid_request
from ..dialect import AgentSpec, Launch
from ..effects import Reach
from ..json_lines import BAD_JSON, members, plain
from .untrusted import closed, untrusted

USERNAME = "opencode"

CONFIGURATION = "OPENCODE_CONFIG_CONTENT"

_ASKED = ("edit", "bash", "webfetch", "websearch", "codesearch")
"""Permissions that opencode would grant unasked. It asks by itself for directories outside of the project, for
``.env`` files, and when an agent repeats itself."""

_ALLOWED_IN_BYPASS = ("*", *_ASKED, "read", "external_directory", "doom_loop")

_PLANS: Mapping[str, str] = {"*": "deny", ".opencode/plans/*.md": "allow"}
"""What the plan agent may edit. A rule for ``edit`` in the configuration would otherwise come after its own."""

PERMISSION_MODES: Mapping[str, Mapping[str, str]] = {
    "default": dict.fromkeys(_ASKED, "ask"),
    "plan": dict.fromkeys(_ASKED, "ask"),
    "bypass": dict.fromkeys(_ALLOWED_IN_BYPASS, "allow"),
    # Opencode would take the path for the file: a symlink leads out of the workspace. So it asks, and we look.
    "acceptEdits": dict.fromkeys(_ASKED, "ask"),
}

_LISTENING = re.compile(rb"listening on http://127\.0\.0\.1:(\d{1,5})\s*$")


def launch(spec: AgentSpec) -> Launch:
    """The password goes by the environment: a command line is for every user of the machine to read. The commands that
    opencode runs inherit it, as they could read it of the server's process: nothing is secret from an agent."""
    environment = {
        "OPENCODE_SERVER_USERNAME": USERNAME,
        "OPENCODE_SERVER_PASSWORD": spec.seed,
        CONFIGURATION: configuration(spec),
        # What goes on when a turn has ended is told to nobody yet; refused, the model waits for its sub-agent.
        "OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS": "false",
    }
    argv = (*spec.executable, "serve", "--hostname", "127.0.0.1", "--port", "0")
    plan = Launch(argv, environment, {"OPENCODE_DISABLE_AUTOUPDATE": "1"})
    return plan if spec.trusted else untrusted(plan, spec)


def configuration(spec: AgentSpec) -> str:
    """Our permissions below what the user has put in the same variable. A value that we cannot read is left alone, in a
    workspace that is trusted: otherwise it raises the ``invalid_request`` problem."""
    said = spec.environment.get(CONFIGURATION) or "{}"
    try:
        theirs = plain(said.encode(errors="surrogateescape"))
    except BAD_JSON:
        theirs = None
    if not isinstance(theirs, dict):
        if spec.trusted:
            return said
        raise invalid_request(
            f"the daemon's variable {CONFIGURATION} is no JSON object, and nothing can be added to it, "
            "as an untrusted workspace needs"
        )
    configured = _with_permissions(spec, members(theirs))
    return msgspec.json.encode(configured if spec.trusted else closed(configured, spec)).decode()


def _with_permissions(spec: AgentSpec, theirs: dict[str, Any]) -> dict[str, Any]:
    if isinstance(theirs.get("permission"), str):
        return theirs
    ours = {
        "permission": dict(PERMISSION_MODES[spec.permission_mode]),
        "agent": {"plan": {"permission": {"edit": dict(_PLANS)}}},
    }
    return _merged(ours, theirs)


def _merged(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    merged = dict(ours)
    for name, value in theirs.items():
        mine = merged.get(name)
        both = isinstance(mine, dict) and isinstance(value, dict)
        merged[name] = _merged(members(mine), members(value)) if both else value
    return merged


def session_rules(spec: AgentSpec) -> list[dict[str, str]]:
    """The rules of the session itself, which count for more than any configuration."""
    return [{"permission": "*", "pattern": "*", "action": "allow"}] if spec.permission_mode == "bypass" else []


def agent_name(spec: AgentSpec) -> str:
    """Opencode's agents are our modes; a user's own agent is named by the mode as well."""
    return "plan" if spec.permission_mode == "plan" else spec.agent_mode or "build"


def listening(line: bytes, spec: AgentSpec) -> Reach | None:
    """Where the server answers, if this line of its stdout tells it."""
    found = _LISTENING.search(line)
    return Reach(f"http://127.0.0.1:{int(found[1])}", USERNAME, spec.seed) if found else None
