"""How codex is started, and what its thread is told: command line, environment, modes, what it reads from its working
directory, and how a session says whether it may (measured on 0.169.0 and 0.171.0).

Codex looks for a directory's level of trust in the user's ``config.toml``, and where it finds none it writes one there.
So the level is told on the command line in any case, for the working directory and those above it: ``-c projects={…}``,
for a dotted key cannot hold a path. Up to where codex reads is the user's to set (``project_root_markers``), and so
nothing above is trusted in an untrusted session; in a trusted one it is the repository, up to its ``.git``.

Codex parses the file of an untrusted directory too, in a time by the square of its keys (390 KB took 24 s and 800 MB),
and then throws it away.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from ...workspace.instructions import instructions
from ..definition import DEFAULT
from ..dialect import AgentSpec, Launch
from .wire import request

INITIALIZE = "initialize"
"""The request id of the handshake."""

LOGIN = "login"


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


_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\"} | {code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F)}


def launch(spec: AgentSpec) -> Launch:
    login = _IN_MEMORY if spec.login_variable else ()
    return Launch((*spec.executable, "app-server", *login, *_FLAGS, *_trust(spec)), defaults={"RUST_LOG": "off"})


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
        **_texts(spec),
    }
    if model := chosen_model(spec):
        params["model"] = model
    if resume is None:
        return request(request_id, "thread/start", threadSource="user", **params)
    return request(request_id, "thread/resume", threadId=resume, excludeTurns=True, **params)


def chosen_model(spec: AgentSpec) -> str | None:
    return spec.model if spec.model != DEFAULT.id else None


def _trust(spec: AgentSpec) -> tuple[str, ...]:
    level = "trusted" if spec.trusted else "untrusted"
    levels = () if spec.project is None else spec.project.levels
    if not spec.trusted:
        levels = (*levels, *_above(levels[-1] if levels else spec.directory))
    # By the name that it was given too: what codex makes of links is its own matter.
    directories = dict.fromkeys((spec.directory, *levels))
    told = ",".join(f'{_quoted(directory)}={{trust_level="{level}"}}' for directory in directories)
    return ("-c", f"projects={{{told}}}")


def _above(directory: str) -> Iterator[str]:
    """Every directory above this one, which is absolute."""
    while directory.strip("/"):
        directory = directory.rstrip("/").rpartition("/")[0] or "/"
        yield directory


def _texts(spec: AgentSpec) -> dict[str, Any]:
    """What a thread is told instead of what codex does not read."""
    if spec.trusted or spec.project is None:
        return {}
    text = instructions(spec.project, "AGENTS.md")
    return {} if text is None else {"developerInstructions": text}


def _quoted(path: str) -> str:
    """As a basic string of TOML. A name that is no text cannot be written in it, and codex does not look for it."""
    return f'"{path.encode(errors="replace").decode().translate(_ESCAPES)}"'
