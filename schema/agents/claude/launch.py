"""How claude is started: command line, environment, modes (measured on 2.1.332)."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ..definition import DEFAULT
from ..dialect import AgentSpec, Launch
from . import project as claude_project

PERMISSION_MODES: Mapping[str, str] = {
    "default": "default",
    "plan": "plan",
    "bypass": "bypassPermissions",
    "acceptEdits": "acceptEdits",
}
"""Our permission modes and claude's names for them."""

SETTINGS: Mapping[str, Any] = {"useAutoModeDuringPlan": False}
"""Claude's own, for every session. In plan mode, which the model may enter by itself, a model of claude's would decide
what a human is asked in the session's mode; from 2.1.332 on also where a session starts in plan mode."""

_PROTOCOL = (
    "-p",
    "--output-format", "stream-json",
    "--input-format", "stream-json",
    "--verbose",  # stream-json is refused without it
    "--include-partial-messages",
    "--permission-prompt-tool", "stdio",
)  # fmt: skip


def fresh_session_id(spec: AgentSpec) -> str:
    """The id of a conversation that starts in this process: claude takes only an unused UUID."""
    return str(uuid5(NAMESPACE_URL, f"sandbox-agent:{spec.session_id}:{spec.seed}"))


def mode_after_plan(spec: AgentSpec) -> str:
    """Claude's permission mode once a plan is approved: what the session was created with."""
    return "default" if spec.permission_mode == "plan" else PERMISSION_MODES[spec.permission_mode]


def launch(spec: AgentSpec) -> Launch:
    argv = [*spec.executable, *_PROTOCOL]
    argv += ["--resume", spec.resume] if spec.resume else ["--session-id", fresh_session_id(spec)]
    if spec.model and spec.model != DEFAULT.id:
        argv += ["--model", spec.model]
    if spec.variant:
        argv += ["--effort", spec.variant]
    argv += ["--permission-mode", "plan" if spec.agent_mode == "plan" else PERMISSION_MODES[spec.permission_mode]]
    if spec.permission_mode == "bypass":
        # Without this flag claude would refuse to enter the mode later, when a plan is approved.
        argv.append("--allow-dangerously-skip-permissions")
    defaults = {
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1",  # without it 2.1.332 has no tool to keep todos
    }
    if spec.trusted:
        return Launch((*argv, *_settings(SETTINGS)), defaults=defaults)
    argv += [*claude_project.arguments(spec), *_settings({**SETTINGS, **claude_project.settings(spec)})]
    return Launch(tuple(argv), defaults=defaults, files=claude_project.files(spec))


def _settings(settings: Mapping[str, Any]) -> tuple[str, str]:
    """They count more than the user's, and than the project's."""
    return "--settings", json.dumps(settings)
