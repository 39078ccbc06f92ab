"""Handlers: one per operation that is no command, named by its operation id. Each asks the daemon one thing. Bytes are
ready JSON."""

from ...schema.api.agent_info import AgentListResponse, AgentModelsResponse, AgentModesResponse
from ...schema.api.sessions import (
    CreateSessionResponse,
    HealthResponse,
    IsolationInfo,
    PermissionListResponse,
    ProofResponse,
    QuestionListResponse,
    QueueResponse,
    SessionInfo,
    SessionListResponse,
)
from .call import Call, WithStatus

ROOT_TEXT = """\
sandbox-agent: one API over the coding agents in this sandbox.

  GET {base}/v1/health     is it up
  GET {base}/metrics       how it fares, for Prometheus
  GET {base}/v1/agents     which agents there are
  GET {base}/v1/sessions   which sessions there are
  GET {base}/openapi.json  everything else
"""


async def get_root(call: Call) -> str:
    return ROOT_TEXT.format(base=call.daemon.settings.base_path)


async def get_proof(call: Call) -> ProofResponse:
    return ProofResponse(call.prove(call.ids["nonce"]))


async def get_health(call: Call) -> WithStatus:
    health = call.daemon.health()
    found = health.isolation
    isolation = None if found is None else IsolationInfo(**found.told())
    body = HealthResponse("degraded" if health.problems else "ok", health.problems or None, isolation)
    return WithStatus(body, 200 if health.accepting else 503)


async def get_metrics(call: Call) -> bytes:
    return await call.metrics.text()


async def get_openapi(call: Call) -> bytes:
    return call.openapi


async def list_agents(call: Call) -> AgentListResponse:
    return await call.daemon.list_agents()


async def install_agent(call: Call) -> None:
    await call.daemon.install_agent(call.ids["agent"], call.body)


async def get_agent_modes(call: Call) -> AgentModesResponse:
    return await call.daemon.agent_modes(call.ids["agent"])


async def get_agent_models(call: Call) -> AgentModelsResponse:
    return await call.daemon.agent_models(call.ids["agent"])


async def list_sessions(call: Call) -> SessionListResponse:
    """A token of one session gets that one, and no cursor: where the stream of all stands tells of the others."""
    found = await call.daemon.list_sessions()
    if call.grant.session_id is None:
        return found
    return SessionListResponse(tuple(info for info in found.sessions if call.sees(info.session_id)))


async def create_session(call: Call) -> CreateSessionResponse:
    return await call.daemon.create_session(call.session_id, call.body)


async def get_session(call: Call) -> SessionInfo:
    return await call.daemon.session_info(call.session_id)


async def delete_session(call: Call) -> None:
    await call.daemon.delete_session(call.session_id)


async def get_queue(call: Call) -> QueueResponse:
    return await call.daemon.queue(call.session_id)


async def list_permissions(call: Call) -> PermissionListResponse:
    found = await call.daemon.pending_permissions()
    return PermissionListResponse(tuple(asked for asked in found.permissions if call.sees(asked.session_id)))


async def list_questions(call: Call) -> QuestionListResponse:
    found = await call.daemon.pending_questions()
    return QuestionListResponse(tuple(asked for asked in found.questions if call.sees(asked.session_id)))
