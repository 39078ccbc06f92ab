"""The catalog: which agents there are, where their programs stand, and what they say of themselves."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio
from attrs import evolve, frozen

from ..schema.agent_info import AgentInfo, AgentListResponse, AgentModelsResponse, AgentModesResponse
from ..schema.agents.claude_definition import claude_definition
from ..schema.agents.definition import AgentDefinition
from ..schema.agents.mock_definition import mock_definition
from ..schema.problems import Problem, agent_not_installed, invalid_request, mode_not_supported, unsupported_agent
from ..schema.sessions import CreateSessionRequest
from ..schema.settings import Settings
from .model_lists import ModelLists
from .probe import first_line
from .processes import ProcessTable

PERMISSION_MODES = ("default", "plan", "bypass", "acceptEdits")

_CLAUDE_KEYS = ("ANTHROPIC_API_KEY", "CLAUDE_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")


@frozen
class _Version:
    changed: float
    text: str | None


class Catalog:
    """``environment`` is the daemon's: PATH, HOME and the variables that hold credentials are read from it."""

    def __init__(self, environment: Mapping[str, str], settings: Settings, table: ProcessTable) -> None:
        self._environment = environment
        self._settings = settings
        self._table = table
        self._definitions = {d.id: d for d in (claude_definition(), mock_definition())}
        self._models = ModelLists(environment, settings)
        self._versions: dict[str, _Version] = {}

    def __repr__(self) -> str:
        return f"<Catalog {' '.join(self._definitions)}>"

    def definition(self, agent: str) -> AgentDefinition:
        """Raises the ``unsupported_agent`` problem."""
        if agent not in self._definitions:
            raise unsupported_agent(agent, tuple(self._definitions))
        return self._definitions[agent]

    def executable(self, definition: AgentDefinition) -> tuple[str, ...]:
        """The command that starts the agent. Raises the ``agent_not_installed`` problem."""
        if definition.executable is None:
            return (sys.executable, "-m", "sandbox_agent.actors.mock")
        installed = self._data_directory() / "bin" / definition.executable
        if os.access(installed, os.X_OK):
            return (str(installed),)
        found = shutil.which(definition.executable, path=self._environment.get("PATH"))
        if found is None:
            raise agent_not_installed(
                definition.id, f"no program {definition.executable!r} in {installed.parent} or on the daemon's PATH"
            )
        return (found,)

    def _data_directory(self) -> Path:
        home = self._environment.get("HOME") or "."
        return Path(self._environment.get("XDG_DATA_HOME") or Path(home, ".local", "share")) / "sandbox-agent"

    def resolve(self, request: CreateSessionRequest) -> CreateSessionRequest:
        """The request with every default filled in. Raises a problem for a mode that the agent does not have."""
        definition = self.definition(request.agent)
        modes = tuple(mode.id for mode in definition.modes)
        agent_mode = request.agent_mode or modes[0]
        if agent_mode not in modes and not definition.any_mode:
            raise mode_not_supported(definition.id, agent_mode, modes)
        permission_mode = request.permission_mode or "default"
        if permission_mode not in PERMISSION_MODES:
            raise invalid_request(
                f"invalid permission mode: {permission_mode}", supported=list(definition.permission_modes)
            )
        permission_mode = dict(definition.permission_aliases).get(permission_mode, permission_mode)
        if permission_mode not in definition.permission_modes:
            raise mode_not_supported(definition.id, permission_mode, definition.permission_modes)
        if permission_mode == "bypass" and definition.refuses_bypass_as_root and self.as_root:
            raise invalid_request(
                "permission mode 'bypass' is not supported when running as root"
                f" ({definition.id} refuses it with root privileges; set IS_SANDBOX=1 for the daemon to vouch for it)"
            )
        return evolve(
            request,
            agent_mode=agent_mode,
            permission_mode=permission_mode,
            model=request.model or definition.default_model,
        )

    @property
    def as_root(self) -> bool:
        """Root, and nobody has vouched that this is a sandbox."""
        return os.geteuid() == 0 and not self._environment.get("IS_SANDBOX")

    async def list(self) -> AgentListResponse:
        infos: dict[str, AgentInfo] = {}

        async def describe(definition: AgentDefinition) -> None:
            infos[definition.id] = await self._info(definition)

        async with trio.open_nursery() as nursery:
            for definition in self._definitions.values():
                nursery.start_soon(describe, definition)
        return AgentListResponse(tuple(infos[agent] for agent in self._definitions))

    def modes(self, agent: str) -> AgentModesResponse:
        return AgentModesResponse(self.definition(agent).modes)

    async def models(self, agent: str) -> AgentModelsResponse:
        return await self._models.of(self.definition(agent))

    async def _info(self, definition: AgentDefinition) -> AgentInfo:
        credentials = self._has_credentials(definition.id)
        if definition.executable is None:
            return AgentInfo(definition.id, True, credentials, definition.capabilities, "builtin")
        try:
            executable = self.executable(definition)
        except Problem:
            return AgentInfo(definition.id, False, credentials, definition.capabilities)
        version = await self._version(executable)
        return AgentInfo(definition.id, True, credentials, definition.capabilities, version, executable[0])

    async def _version(self, executable: Sequence[str]) -> str | None:
        """Asked again only when the file has changed: the probe starts a whole agent."""
        path = executable[0]
        changed = (await trio.Path(path).stat()).st_mtime
        known = self._versions.get(path)
        if known is None or known.changed != changed:
            text = await first_line(
                (*executable, "--version"), self._environment, self._table, self._settings.probe_timeout
            )
            known = _Version(changed, text.split(" (")[0] if text else None)
            self._versions[path] = known
        return known.text

    def _has_credentials(self, agent: str) -> bool:
        if agent == "mock":
            return True
        if any(self._environment.get(name) for name in _CLAUDE_KEYS):
            return True
        home = self._environment.get("HOME") or "."
        config = Path(self._environment.get("CLAUDE_CONFIG_DIR") or Path(home, ".claude"))
        return (config / ".credentials.json").is_file()
