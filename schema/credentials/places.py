"""Where the agents keep their credentials and the settings that decide whether they need any.

CLAUDE_CONFIG_DIR, CODEX_HOME and XDG_DATA_HOME move an agent's files here as they do for the agent itself.
"""

from collections.abc import Iterator, Mapping

import attrs
from attrs import frozen


@frozen(kw_only=True)
class Places:
    """Absolute paths; within a field, the first that holds something counts. ``own_*`` are read by the agent's own
    program, the others only by us: older versions and older tools wrote them."""

    amp_config: str
    own_amp_secrets: str
    own_claude_key: str
    claude_keys: tuple[str, ...]
    own_claude_login: str
    claude_logins: tuple[str, ...]
    claude_settings: tuple[str, ...]
    own_codex_login: str
    codex_configs: tuple[str, ...]
    own_opencode_login: str
    opencode_logins: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        """Each path once."""
        seen: dict[str, None] = {}
        for value in attrs.astuple(self, recurse=False):
            seen |= dict.fromkeys((value,) if isinstance(value, str) else value)
        return iter(seen)

    def of(self, agent: str) -> tuple[str, ...]:
        """Where a login of the agent is looked for, for people to read."""
        match agent:
            case "claude":
                return (self.own_claude_login, self.own_claude_key, *self.claude_settings)
            case "codex":
                return (self.own_codex_login, *self.codex_configs)
            case "amp":
                return (self.own_amp_secrets, self.amp_config)
            case _:
                return (self.own_opencode_login,)


def places(environment: Mapping[str, str], home: str, directory: str | None = None, system: str = "/etc") -> Places:
    """``directory`` is a session's: a project may have settings of its own. ``system`` holds the machine's."""
    moved = environment.get("CLAUDE_CONFIG_DIR")
    claude = moved or f"{home}/.claude"
    codex = environment.get("CODEX_HOME") or f"{home}/.codex"
    data = environment.get("XDG_DATA_HOME") or f"{home}/.local/share"
    return Places(
        amp_config=f"{home}/.amp/config.json",
        own_amp_secrets=f"{data}/amp/secrets.json",
        own_claude_key=f"{moved or home}/.claude.json",
        claude_keys=(f"{home}/.claude.json.api", f"{moved or home}/.claude.json", f"{home}/.claude.json.nathan"),
        own_claude_login=f"{claude}/.credentials.json",
        claude_logins=(f"{claude}/.credentials.json", f"{home}/.claude-oauth-credentials.json"),
        claude_settings=(
            f"{claude}/settings.json",
            *([f"{directory}/.claude/settings.json", f"{directory}/.claude/settings.local.json"] if directory else []),
            f"{system}/claude-code/managed-settings.json",
        ),
        own_codex_login=f"{codex}/auth.json",
        codex_configs=(
            f"{codex}/config.toml",
            *([f"{directory}/.codex/config.toml"] if directory else []),
            f"{system}/codex/config.toml",
            f"{system}/codex/managed_config.toml",
        ),
        own_opencode_login=f"{data}/opencode/auth.json",
        opencode_logins=_once(f"{data}/opencode/auth.json", f"{home}/.local/share/opencode/auth.json"),
    )


def _once(*paths: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(paths))
