"""The first start of a session's agent, and what a create is told about it.

An agent that cannot start mostly exits at once, and the client should not learn of it only from the first prompt. But
to wait for a healthy agent takes its whole start, a second for some. So a create waits only for a kind of agent that
has not become ready yet since this daemon started, or that failed the last time.
"""

from collections import OrderedDict
from collections.abc import Mapping

import trio

from ...schema.api.sessions import AgentError, CreateSessionRequest

REMEMBERED = 256
"""How many kinds of agents are remembered as able to start; the last used ones."""

Kind = tuple[str | None, ...]


class ProvenStarts:
    """Which kinds of agents have become ready. A kind is everything in which the starts of two agents can differ,
    except what only concerns the session."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Kind, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<ProvenStarts {len(self._ready)}>"

    def __contains__(self, request: CreateSessionRequest) -> bool:
        return _kind(request) in self._ready

    def add(self, request: CreateSessionRequest) -> None:
        self._ready[_kind(request)] = None
        self._ready.move_to_end(_kind(request))
        if len(self._ready) > REMEMBERED:
            self._ready.popitem(last=False)

    def discard(self, request: CreateSessionRequest) -> None:
        self._ready.pop(_kind(request), None)


class FirstStart:
    """``patience``: seconds that :meth:`failure` waits for an agent of an unknown kind."""

    def __init__(self, request: CreateSessionRequest, session_id: str, proven: ProvenStarts, patience: float) -> None:
        self._request = request
        self._session_id = session_id
        self._proven = proven
        self._patience = patience
        self._shown = trio.Event()
        self._failure: AgentError | None = None

    def __repr__(self) -> str:
        state = "failed" if self._failure is not None else "over" if self._shown.is_set() else "under way"
        return f"<FirstStart {self._request.agent} {state}>"

    def became_ready(self) -> None:
        self._proven.add(self._request)
        self._shown.set()

    def failed(self, code: str, message: str, details: Mapping[str, object]) -> None:
        """The agent exited before it was ready. Later starts call this too: then it counts for the next create only."""
        self._proven.discard(self._request)
        if not self._shown.is_set():
            told = {
                "code": code,
                "exitCode": details.get("exit_code"),
                "signal": details.get("signal"),
                "stderr": details.get("stderr"),
            }
            known = {name: value for name, value in told.items() if value not in (None, "")}
            type_ = "timeout" if code == "start_timeout" else "agent_process_exited"
            self._failure = AgentError(type_, message, self._request.agent, self._session_id, known)
        self._shown.set()

    def over(self) -> None:
        """The agent is ended, for any reason: there is nothing to wait for."""
        self._shown.set()

    async def failure(self) -> AgentError | None:
        """Why the agent could not start, when that is known by now or soon."""
        if self._request not in self._proven:
            with trio.move_on_after(self._patience):
                await self._shown.wait()
        return self._failure


def _kind(request: CreateSessionRequest) -> Kind:
    return (
        request.agent,
        request.agent_version,
        request.agent_mode,
        request.permission_mode,
        request.model,
        request.variant,
        request.workspace_trust,
    )
