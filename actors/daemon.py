"""The daemon: the tree of actors, and the one door through which transport and SDK speak to it."""

from collections.abc import Sequence

import trio

from ..schema.agent_info import AgentListResponse, AgentModelsResponse, AgentModesResponse
from ..schema.codec import Codec
from ..schema.sessions import (
    CreateSessionRequest,
    CreateSessionResponse,
    InterruptResponse,
    MessageRequest,
    PermissionListResponse,
    PermissionReply,
    QuestionListResponse,
    SessionInfo,
    SessionListResponse,
)
from ..schema.settings import Settings
from .log import Log


class Receipt:
    """A prompt was accepted. Its turn's events come after position ``after``; ``turn_id`` names the turn."""

    turn_id: str
    after: int


class Daemon:
    settings: Settings
    codec: Codec
    feed: Log

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None: ...

    async def create_session(self, session_id: str, request: CreateSessionRequest) -> CreateSessionResponse: ...
    async def session_info(self, session_id: str) -> SessionInfo: ...
    async def list_sessions(self) -> SessionListResponse: ...
    async def delete_session(self, session_id: str) -> None: ...
    async def log(self, session_id: str) -> Log: ...
    async def send(self, session_id: str, request: MessageRequest) -> Receipt: ...
    async def interrupt(self, session_id: str) -> InterruptResponse: ...
    async def terminate(self, session_id: str) -> None: ...
    async def reply_permission(self, session_id: str, permission_id: str, reply: PermissionReply) -> None: ...
    async def reply_question(
        self, session_id: str, question_id: str, answers: Sequence[Sequence[str]] | None
    ) -> None: ...
    async def pending_permissions(self) -> PermissionListResponse: ...
    async def pending_questions(self) -> QuestionListResponse: ...
    async def list_agents(self) -> AgentListResponse: ...
    async def agent_modes(self, agent: str) -> AgentModesResponse: ...
    async def agent_models(self, agent: str) -> AgentModelsResponse: ...
