"""How codex is started, and what its thread is told: command line, environment, modes (measured on 0.171.0)."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..dialect import AgentSpec, Launch
from . import project as codex_project
from .wire import request

INITIALIZE = "initialize"
"""The request id of the handshake."""

LOGIN = "login"

DEFAULT_MODEL = "default"
"""The model that the user's config.toml names, or codex's own choice."""


@frozen
class Policy:
    """When codex asks, and what its sandbox lets a command do without asking."""

    approval: str
    sandbox: str


PERMISSION_MODES: Mapping[str, Policy] = {
    "default": Policy("on-request", "workspace-write"),
    "plan": Policy("untrusted", "read-only"),
    "bypass": Policy("never", "danger-full-access"),
    "acceptEdits": Policy("on-request", "workspace-write"),
}

_FLAGS = (
    "-c", "tools.update_plan.enabled=true",  # without it the model has no tool to keep a plan
    "-c", "suppress_unstable_features_warning=true",  # about the feature that we enable
    "--enable", "default_mode_request_user_input",  # without it questions are answered empty outside of plan mode
    "--disable", "plugins",  # it would fetch its curated plugins from the network at every start
)  # fmt: skip

_NOISE = (
    "app/list/updated",
    "remoteControl/status/changed",
    "thread/readState/changed",
    "thread/status/changed",
)
"""Notifications that are not even sent to us."""


_IN_MEMORY = ("-c", 'cli_auth_credentials_store="ephemeral"')
"""What codex is told at its start stays in the process; by default it would be written into the user's auth.json."""


def launch(spec: AgentSpec) -> Launch:
    login = _IN_MEMORY if spec.login_variable else ()
    return Launch(
        (*spec.executable, "app-server", *login, *_FLAGS, *codex_project.arguments(spec)), defaults={"RUST_LOG": "off"}
    )


def initialize() -> dict[str, Any]:
    return request(
        INITIALIZE,
        "initialize",
        clientInfo={"name": "sandbox-agent", "title": "Sandbox Agent", "version": "1"},
        capabilities={
            "experimentalApi": True,  # collaboration modes, background terminals
            "requestAttestation": False,
            # Without it, and a thread of a user's, codex declines forms of MCP servers unseen where it asks nothing.
            "extensions": {"openai/standard-form-input": {}},
            "optOutNotificationMethods": list(_NOISE),
        },
    )


def login(spec: AgentSpec) -> dict[str, Any] | None:
    """Codex's server takes no key from its environment, unlike its terminal program."""
    if spec.login_variable is None:
        return None
    return request(LOGIN, "account/login/start", type="apiKey", apiKey=spec.environment[spec.login_variable])


def thread_request(spec: AgentSpec, request_id: str, resume: str | None) -> dict[str, Any]:
    """Start a thread, or go on with the one named ``resume``; its earlier turns are in our own log."""
    policy = PERMISSION_MODES[spec.permission_mode]
    params: dict[str, Any] = {
        "cwd": spec.directory,
        "approvalPolicy": policy.approval,
        "sandbox": policy.sandbox,
        **codex_project.texts(spec),
    }
    if model := chosen_model(spec):
        params["model"] = model
    if resume is None:
        return request(request_id, "thread/start", threadSource="user", **params)
    return request(request_id, "thread/resume", threadId=resume, excludeTurns=True, **params)


def chosen_model(spec: AgentSpec) -> str | None:
    return spec.model if spec.model != DEFAULT_MODEL else None
