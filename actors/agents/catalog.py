"""The catalog: which agents there are, where their programs stand, and what they say of themselves.

A program of ours (installs/versions.py) comes before one on the daemon's PATH.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import trio
from attrs import evolve, frozen

from ...schema.agents.definition import PERMISSION_MODES, AgentDefinition
from ...schema.agents.definitions import BY_ID
from ...schema.api.agent_info import (
    AgentInfo,
    AgentInstallProgress,
    AgentListResponse,
    AgentModelsResponse,
    AgentModesResponse,
)
from ...schema.api.sessions import CreateSessionRequest
from ...schema.credentials.credential import without_credentials
from ...schema.foreign.not_readable import NotReadable
from ...schema.problems import agent_not_installed, invalid_request, mode_not_supported, unsupported_agent
from ...schema.settings import Settings
from ...schema.workspace.trust import trust_that_holds
from ..files.data_directory import data_directory
from ..files.reader import ForeignFiles
from ..installs.versions import VERSION, InstalledVersions
from ..machine.programs import program, python_module
from ..processes.probe import first_line
from ..processes.table import ProcessTable
from .credentials import Credentials
from .model_lists import ModelLists

DEFAULT_MODE = "default"
"""What clients of 0.1 say for an agent's first mode, `build`."""


@frozen
class _Version:
    changed: float
    text: str | None


class Catalog:
    """``environment`` is the daemon's: PATH and HOME are read from it."""

    def __init__(
        self,
        environment: Mapping[str, str],
        settings: Settings,
        table: ProcessTable,
        credentials: Credentials,
        files: ForeignFiles,
    ) -> None:
        self._environment = environment
        self._files = files
        self._settings = settings
        self._table = table
        self._credentials = credentials
        self._definitions = dict(BY_ID)
        self._models = ModelLists(credentials, self.find, table, settings)
        self._versions: dict[str, _Version] = {}

    def __repr__(self) -> str:
        return f"<Catalog {' '.join(self._definitions)}>"

    def definition(self, agent: str) -> AgentDefinition:
        """Raises the ``unsupported_agent`` problem."""
        if agent not in self._definitions:
            raise unsupported_agent(agent, tuple(self._definitions))
        return self._definitions[agent]

    async def executable(self, definition: AgentDefinition, version: str | None = None) -> tuple[str, ...]:
        """The command that starts the agent, of exactly this version if one is named. Raises the
        ``agent_not_installed`` problem."""
        if (found := await self.find(definition, version)) is None:
            store = InstalledVersions(data_directory(self._settings, self._environment), definition.id)
            what = f"version {version} of {definition.id}" if version else f"program {definition.executable!r}"
            raise agent_not_installed(definition.id, f"no {what} in {store.root} or on the daemon's PATH")
        return found

    async def find(self, definition: AgentDefinition, version: str | None = None) -> tuple[str, ...] | None:
        """As :meth:`executable`; None when it is not installed."""
        if definition.executable is None:
            return python_module("sandbox_agent.actors.mock")
        store = InstalledVersions(data_directory(self._settings, self._environment), definition.id)
        try:
            installed = await self._files.run(str(store.root), partial(store.find, version))
        except NotReadable as error:
            raise agent_not_installed(definition.id, f"{store.root} {error}") from error
        if installed is not None:
            return (str(installed.program),)
        with self._table.rights():
            found = program(definition.executable, self._environment)
        if found is None or (version and version not in (await self._version((found,)) or "").split()):
            return None
        return (found,)

    def resolve(self, request: CreateSessionRequest) -> CreateSessionRequest:
        """The request with every default filled in. Raises a problem for a mode that the agent does not have."""
        definition = self.definition(request.agent)
        check_version(request.agent_version)
        for name, word in (("model", request.model), ("variant", request.variant), ("agentMode", request.agent_mode)):
            if word is not None and "\0" in word:
                raise invalid_request(f"{name} holds a NUL character, which no program can be told; got {word!r}")
        modes = tuple(mode.id for mode in definition.modes)
        agent_mode = modes[0] if request.agent_mode in (None, "", DEFAULT_MODE) else request.agent_mode
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
            workspace_trust=trust_that_holds(request.workspace_trust, self._settings.workspace_trust),
        )

    @property
    def as_root(self) -> bool:
        """Agents run as root, and nobody has vouched that this is a sandbox."""
        return os.geteuid() == 0 and self._table.user is None and not self._environment.get("IS_SANDBOX")

    async def list(self, installs: Mapping[str, AgentInstallProgress] = MappingProxyType({})) -> AgentListResponse:
        """``installs`` is what is being installed, by agent."""
        infos: dict[str, AgentInfo] = {}

        async def describe(definition: AgentDefinition) -> None:
            infos[definition.id] = evolve(await self._info(definition), install=installs.get(definition.id))

        async with trio.open_nursery() as nursery:
            for definition in self._definitions.values():
                nursery.start_soon(describe, definition)
        return AgentListResponse(tuple(infos[agent] for agent in self._definitions))

    def modes(self, agent: str) -> AgentModesResponse:
        return AgentModesResponse(self.definition(agent).modes)

    async def models(self, agent: str) -> AgentModelsResponse:
        return await self._models.of(self.definition(agent))

    async def _info(self, definition: AgentDefinition) -> AgentInfo:
        credentials = await self._credentials.available(definition.id)
        if definition.executable is None:
            return AgentInfo(definition.id, True, credentials, definition.capabilities, "builtin")
        executable = await self.find(definition)
        if executable is None:
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
                (*executable, "--version"),
                without_credentials(self._environment),
                self._table,
                self._settings.probe_timeout,
            )
            # Some say who they are before the version ("codex-cli 0.1"), some say more after it ("2.1 (Claude Code)").
            known = _Version(changed, text.split(" (")[0].split()[-1] if text and text.strip() else None)
            self._versions[path] = known
        return known.text


def check_version(version: str | None) -> None:
    """Raises the ``invalid_request`` problem for what no version can be."""
    if version is not None and not VERSION.fullmatch(version):
        raise invalid_request(f"agentVersion must be one exact version, such as 1.2.3; got {version!r}")
