"""The credentials that agents run with: found in the daemon's environment and in the agents' own files."""

from collections.abc import Mapping

import trio
from attrs import field, frozen

from ...schema.credentials.discovery import NOTHING, Discovery
from ...schema.credentials.grants import available, environment_for, login_variable, missing, takes_any
from ...schema.settings import Settings
from ..files.reader import ForeignFiles
from .credential_files import places_of, read_credentials


@frozen
class Grant:
    """What an agent runs with: its whole environment, inherited and added. ``login_variable`` names the variable of it
    whose key the dialect must tell the agent; None when nothing has to be told. ``found`` are the secrets of all
    credentials that there are, also of those that the agent does not get: it may read the files where they stand."""

    environment: dict[str, str] = field(repr=False)
    login_variable: str | None
    found: tuple[str, ...] = field(default=(), repr=False)


@frozen
class _Look:
    at: float
    discovery: Discovery


class Credentials:
    """``environment`` is the daemon's, less our own token. Nothing is written, and no secret is kept beyond
    ``credentials_age``: a session always looks again, so that a login of a moment ago counts."""

    def __init__(self, environment: Mapping[str, str], settings: Settings, files: ForeignFiles) -> None:
        self._environment = environment
        self._files = files
        self._settings = settings
        self._last: _Look | None = None
        self._looking = trio.Lock()

    def __repr__(self) -> str:
        if self._last is None:
            return "<Credentials not looked for>"
        providers = dict.fromkeys(c.provider for c in self._last.discovery.found)
        return f"<Credentials {' '.join(providers) or 'none'}>"

    async def available(self, agent: str) -> bool:
        """Whether the agent has what it needs. At most one look in ``credentials_age`` seconds."""
        async with self._looking:
            now = trio.current_time()
            if self._last is None or now - self._last.at > self._settings.credentials_age:
                self._last = _Look(now, await self._look(None))
            return available(agent, self._environment, self._last.discovery)

    async def require(self, agent: str, directory: str) -> None:
        """Raises the ``credentials_missing`` problem for an agent that could not work in this directory."""
        await self.grant(agent, directory)

    async def grant(self, agent: str, directory: str) -> Grant:
        """Raises as :meth:`require`."""
        if not takes_any(agent):
            return Grant(environment_for(agent, self._environment, NOTHING), None)
        discovery = await self._look(directory)
        where = places_of(self._environment, directory)
        problem = missing(agent, self._environment, discovery, where)
        if problem is not None:
            raise problem
        return Grant(
            environment_for(agent, self._environment, discovery),
            login_variable(agent, self._environment, discovery),
            tuple(credential.secret for credential in discovery.found),
        )

    async def _look(self, directory: str | None) -> Discovery:
        where = places_of(self._environment, directory)
        return await read_credentials(self._environment, where, self._files, self._settings.credential_file_bytes)
