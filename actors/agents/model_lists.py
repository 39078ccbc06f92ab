"""The models of each agent: asked where its vendor keeps a list, known by heart where that is not possible."""

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module

import structlog
import trio
from attrs import define, field

from ...schema.agents.definition import AgentDefinition, HttpGet
from ...schema.api.agent_info import AgentModelsResponse
from ...schema.problems import Problem
from ...schema.settings import Settings
from ..processes.agent_process import SpawnFailed
from ..processes.table import ProcessTable
from .credentials import Credentials
from .model_probe import ask_program

MAX_ANSWER_BYTES = 4 << 20

RETRY_AFTER = 60.0
"""Seconds until a list that could not be had is asked for again."""

_log = structlog.get_logger("models")


@define
class _Known:
    lock: trio.Lock = field(factory=trio.Lock)
    models: AgentModelsResponse | None = None
    until: float = float("-inf")


Find = Callable[[AgentDefinition], Awaitable[Sequence[str] | None]]
"""The command that starts an agent; None when it is not installed."""


class ModelLists:
    """Askers at the same time share one request. A list is kept for ``models_kept`` seconds."""

    def __init__(self, credentials: Credentials, find: Find, table: ProcessTable, settings: Settings) -> None:
        self._credentials = credentials
        self._find = find
        self._table = table
        self._settings = settings
        self._known: dict[str, _Known] = {}

    def __repr__(self) -> str:
        return f"<ModelLists {' '.join(agent for agent, known in self._known.items() if known.models) or 'none'}>"

    async def of(self, definition: AgentDefinition) -> AgentModelsResponse:
        by_heart = AgentModelsResponse(definition.models, definition.default_model)
        if definition.model_list is None and definition.model_talk is None:
            return by_heart
        known = self._known.setdefault(definition.id, _Known())
        async with known.lock:
            if trio.current_time() >= known.until:
                known.models = await self._ask(definition)
                kept = RETRY_AFTER if known.models is None else self._settings.models_kept
                known.until = trio.current_time() + kept
            return known.models or by_heart

    async def _ask(self, definition: AgentDefinition) -> AgentModelsResponse | None:
        try:
            environment = (await self._credentials.grant(definition.id, "/")).environment
            if definition.model_list is not None:
                vendors = definition.model_list()
                request = vendors.ask(environment)
                body = await self._get(request) if request is not None else None
                return vendors.read(body) if body is not None else None
            program = await self._find(definition)
            if definition.model_talk is None or program is None:
                return None
            return await ask_program(definition.model_talk(), program, environment, self._table, self._settings)
        except Problem:  # no credential: nothing to ask with, and nothing to complain of
            return None
        except SpawnFailed as error:
            _log.warning("the list of models cannot be had", agent=definition.id, error=str(error))
            return None

    async def _get(self, request: HttpGet) -> bytes | None:
        await trio.to_thread.run_sync(import_module, "httpx")  # it takes some ten milliseconds
        import httpx

        body = b""
        try:
            with trio.fail_after(self._settings.models_timeout):
                async with (
                    httpx.AsyncClient() as client,
                    client.stream("GET", request.url, headers=dict(request.headers)) as response,
                ):
                    response.raise_for_status()
                    # Read to the end in any case: leaving in the middle leaves httpx's generators to the collector.
                    async for chunk in response.aiter_bytes():
                        body += chunk if len(body) <= MAX_ANSWER_BYTES else b""
        except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
            # Without the error's text: it may hold a URL with a user's password in it.
            _log.warning("the list of models cannot be had", error=type(error).__name__)
            return None
        return body if len(body) <= MAX_ANSWER_BYTES else None
