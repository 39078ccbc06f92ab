"""Call: one request that was checked against its route, and all that a handler needs to answer it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import asdict, evolve, frozen

from ...actors.public import Answer, Commands, DaemonFacade, Grant
from ...schema.api.commands import Command, Receipt
from ...schema.approvals.decided_by import DecidedBy, Transport
from ..guard.guard import Guard
from ..guard.leases import Hold
from ..metrics.scrape import Metrics
from ..route import Route
from ..subscriptions.readers import Readers

REPLAYED: Mapping[str, str] = MappingProxyType({"Idempotency-Replayed": "true"})
TURN = "Sandbox-Agent-Turn"


def headers_of(answer: Answer) -> Mapping[str, str]:
    """What an answer to a command says outside of its body, which on wire 0.1 tells nothing of the prompt's turn."""
    turn = {TURN: answer.result.turn_id} if isinstance(answer.result, Receipt) else {}
    return {**turn, **REPLAYED} if answer.replayed else turn


def unproven(nonce: str) -> str:
    raise TypeError(f"a WebSocket proves nothing: {nonce!r}")


@frozen
class Call:
    """``grant`` is what its token may. ``query`` and ``body`` are of the classes that the route names; ``ids`` are the
    path parameters, decoded. ``key`` is the client's own name for the command, if it gave one. ``prove`` answers a
    nonce with the proof of who we are (:class:`.Prover`)."""

    daemon: DaemonFacade
    readers: Readers
    commands: Commands
    metrics: Metrics
    guard: Guard
    grant: Grant
    route: Route
    ids: Mapping[str, str]
    query: Any = None
    body: Any = None
    key: str | None = None
    last_event_id: str | None = None
    openapi: bytes = b"{}"
    transport: Transport = "http"
    prove: Callable[[str], str] = unproven

    @property
    def session_id(self) -> str:
        return self.ids["session_id"]

    @property
    def by(self) -> DecidedBy:
        """The client, for what it decides."""
        return self.grant.decided_by(self.transport)

    def sees(self, session_id: str) -> bool:
        """Whether its token may hear of that session."""
        return self.grant.session_id in (None, session_id)

    def hold(self) -> Hold:
        """For a stream, which must end when its token does."""
        return self.guard.leases.held(self.grant)

    async def execute(self) -> Answer:
        """Have the session do what the route commands. Raises the :class:`Problem` that it is refused with."""
        answer = await self.commands.execute(self.session_id, self._command(), self.key, self.by)
        if (problem := answer.problem) is None:
            return answer
        # A copy: the same refusal may be on its way to several clients.
        raise evolve(problem, headers={**problem.headers, **REPLAYED}) if answer.replayed else problem

    def _command(self) -> Command:
        """Its members are those of the path, beside the session's id, and of the body, by the same names."""
        if self.route.command is None:
            raise TypeError(f"{self.route.operation_id} is no command")
        ids = {name: value for name, value in self.ids.items() if name != "session_id"}
        body = {} if self.body is None else asdict(self.body, recurse=False)
        return cast("Command", self.route.command(**ids, **body))


@frozen
class WithStatus:
    """An answer with one of the route's ``other_statuses``."""

    body: Any
    status: int


@frozen
class Stream:
    """An answer that is sent chunk by chunk."""

    chunks: AsyncGenerator[bytes]
    headers: Mapping[str, str] = MappingProxyType({})
