"""A daemon that tests give commands by name."""

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.schema.api.commands import (
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    Receipt,
    TerminateCommand,
)
from sandbox_agent.schema.api.sessions import InterruptResponse, MessageRequest
from sandbox_agent.schema.approvals.decided_by import LOCAL, DecidedBy


class CommandedDaemon(Daemon):
    async def send(self, session_id: str, request: MessageRequest, key=None) -> Receipt:
        return await self.execute(session_id, MessageCommand(request.message, request.attachments), key)

    async def cancel_prompt(self, session_id: str, turn_id: str, key=None) -> None:
        await self.execute(session_id, QueueCancelCommand(turn_id), key)

    async def interrupt(self, session_id: str, key=None) -> InterruptResponse:
        return await self.execute(session_id, InterruptCommand(), key)

    async def terminate(self, session_id: str, key=None) -> None:
        await self.execute(session_id, TerminateCommand(), key)

    async def reply_permission(
        self, session_id: str, permission_id: str, reply, key=None, by: DecidedBy = LOCAL, input_digest=None
    ) -> None:
        await self.execute(session_id, PermissionReplyCommand(permission_id, reply, input_digest), key, by)

    async def reply_question(
        self, session_id: str, question_id: str, answers, key=None, by: DecidedBy = LOCAL, input_digest=None
    ) -> None:
        """``answers`` is None to reject the question."""
        if answers is None:
            command = QuestionRejectCommand(question_id)
        else:
            command = QuestionReplyCommand(question_id, tuple(tuple(labels) for labels in answers), input_digest)
        await self.execute(session_id, command, key, by)
