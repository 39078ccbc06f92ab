"""Agents as the API lists them: capabilities, modes, models (wire 0.1, section 3)."""

from typing import Literal

from attrs import frozen

from ..fields import optional

ServerStatus = Literal["running", "stopped", "error"]


@frozen
class AgentCapabilities:
    """What the dialect really does, not what the vendor's CLI could do."""

    plan_mode: bool
    permissions: bool
    questions: bool
    tool_calls: bool
    tool_results: bool
    text_messages: bool
    images: bool
    file_attachments: bool
    session_lifecycle: bool
    error_events: bool
    reasoning: bool
    status: bool
    command_execution: bool
    file_changes: bool
    mcp_tools: bool
    streaming_deltas: bool
    item_started: bool
    shared_process: bool


@frozen
class ServerStatusInfo:
    status: ServerStatus
    restart_count: int
    base_url: str | None = optional()
    uptime_ms: int | None = optional()
    last_error: str | None = optional()


InstallPhase = Literal["waiting", "downloading", "unpacking", "checking", "activating"]


@frozen
class AgentInstallProgress:
    """An install that is going on (ours). ``waiting`` is for another process's install of the same agent;
    ``percent`` is how much of the phase is done, as far as that is known."""

    version: str
    phase: InstallPhase
    percent: int | None = optional()


@frozen
class AgentInfo:
    """``install`` (ours) is there while the agent is being installed."""

    id: str
    installed: bool
    credentials_available: bool
    capabilities: AgentCapabilities
    version: str | None = optional()
    path: str | None = optional()
    server_status: ServerStatusInfo | None = optional()
    install: AgentInstallProgress | None = optional()


@frozen
class AgentListResponse:
    agents: tuple[AgentInfo, ...]


@frozen
class AgentModeInfo:
    id: str
    name: str
    description: str


@frozen
class AgentModesResponse:
    modes: tuple[AgentModeInfo, ...]


@frozen
class AgentModelInfo:
    id: str
    name: str | None = optional()
    variants: tuple[str, ...] | None = optional()
    default_variant: str | None = optional()


@frozen
class AgentModelsResponse:
    models: tuple[AgentModelInfo, ...]
    default_model: str | None = optional()


@frozen
class AgentInstallRequest:
    """``agent_version`` (ours) is an exact version; without it, the one that this daemon was made for."""

    reinstall: bool | None = optional()
    agent_version: str | None = optional()
