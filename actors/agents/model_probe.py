"""The model probe: asks an agent's program for its models, in a process that is bounded in time and always ended."""

from collections.abc import Mapping, Sequence

import trio

from ...schema.agents.model_query import ModelTalk
from ...schema.api.agent_info import AgentModelsResponse
from ...schema.settings import Settings
from ..processes.agent_process import AgentProcess, OutboxFull
from ..processes.ending import end_process
from ..processes.line_splitter import OversizedLine
from ..processes.table import ProcessTable


async def ask_program(
    talk: ModelTalk,
    program: Sequence[str],
    environment: Mapping[str, str],
    table: ProcessTable,
    settings: Settings,
) -> AgentModelsResponse | None:
    """The models; None when the program does not answer in ``models_timeout`` seconds. Raises :class:`SpawnFailed`."""
    # Shielded, because the caller may be cancelled, and the process must not be left. Its timeout bounds it.
    with trio.CancelScope(shield=True):
        process = await AgentProcess.spawn(
            (*program, *talk.arguments), environment, "/", table.marker(), table, settings, user=table.user
        )
        async with trio.open_nursery() as nursery:
            for task in (process.watch, process.write_outbox, process.drain_terminal):
                nursery.start_soon(task)
            try:
                return await _converse(process, talk, settings.models_timeout)
            finally:
                try:
                    await end_process(process, settings)
                    await process.exited_within(settings.end_kill)
                finally:
                    await process.aclose()
                    nursery.cancel_scope.cancel()
    raise AssertionError("a shielded scope is never cancelled")


async def _converse(process: AgentProcess, talk: ModelTalk, seconds: float) -> AgentModelsResponse | None:
    told: list[AgentModelsResponse] = []

    async def deliver(lines: list[bytes | OversizedLine]) -> None:
        for line in lines:
            if isinstance(line, bytes) and (more := talk.receive(line)):
                process.send(more)
        if (models := talk.known(ended=False)) is not None:
            told.append(models)
            scope.cancel()

    with trio.move_on_after(seconds) as scope:
        try:
            if first := talk.begin():
                process.send(first)
            await process.read(deliver)
        except OutboxFull:
            return None
        return talk.known(ended=True)
    return told[0] if told else None
