"""MCP servers and skills of a session, as wire 0.1 section 9 writes them."""

from typing import Literal

from attrs import field, frozen

from ..fields import optional

McpRemoteTransport = Literal["http", "sse"]


@frozen
class McpOAuthConfig:
    client_id: str | None = optional()
    client_secret: str | None = optional()
    scope: str | None = optional()


@frozen
class McpLocalServer:
    type: Literal["local"] = field(default="local", init=False)
    command: str | tuple[str, ...]
    args: tuple[str, ...] = ()
    env: dict[str, str] | None = optional()
    enabled: bool | None = optional()
    timeout_ms: int | None = optional()
    cwd: str | None = optional()


@frozen
class McpRemoteServer:
    type: Literal["remote"] = field(default="remote", init=False)
    url: str
    headers: dict[str, str] | None = optional()
    bearer_token_env_var: str | None = optional()
    env_headers: dict[str, str] | None = optional()
    oauth: McpOAuthConfig | bool | None = optional()
    enabled: bool | None = optional()
    timeout_ms: int | None = optional()
    transport: McpRemoteTransport | None = optional()


McpServerConfig = McpLocalServer | McpRemoteServer


@frozen
class SkillSource:
    type: str
    source: str
    skills: tuple[str, ...] | None = optional()
    ref: str | None = optional()
    subpath: str | None = optional()


@frozen
class SkillsConfig:
    sources: tuple[SkillSource, ...]
