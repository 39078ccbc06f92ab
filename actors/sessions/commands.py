"""Commands: what a session does for a client. One case and one method for each command that the session executes."""

from collections.abc import Callable
from typing import assert_never

from ...schema.agents.dialect import Effects, Prompt
from ...schema.api.commands import InterruptCommand, MessageCommand, QueueCancelCommand, Receipt, TerminateCommand
from ...schema.api.sessions import InterruptResponse
from ...schema.events import SessionEndedData
from .agent import Agent
from .messages import Execute
from .state import SessionState


class SessionCommands:
    """``apply`` takes the effects that a command has."""

    def __init__(self, state: SessionState, agent: Agent, apply: Callable[[Effects], None]) -> None:
        self._state = state
        self._agent = agent
        self._apply = apply

    async def execute(self, asked: Execute) -> object:
        """The command's result."""
        match asked.command:
            case MessageCommand() as command:
                return self._message(command, asked)
            case QueueCancelCommand(turn_id=turn_id):
                return self._state.cancel(turn_id)
            case InterruptCommand():
                return self._interrupt()
            case TerminateCommand():
                return await self._terminate()
            case _:
                assert_never(asked.command)

    def _message(self, command: MessageCommand, asked: Execute) -> Receipt:
        """Its number is the state's to give."""
        return self._state.accept(Prompt(0, command.message, asked.attachments))

    def _interrupt(self) -> InterruptResponse:
        """Stop the running turn. The result says what it found; ``turn.ended`` follows when the turn has stopped.

        A prompt that was sent before it, and waits for its agent to start, is what it stops."""
        answer, effects = self._agent.interrupted()
        self._apply(effects)
        return answer

    async def _terminate(self) -> None:
        """End the agent and the session. The reply comes when no process of it is left."""
        if not self._state.ended:
            self._agent.first_start.over()
            await self._agent.end()
            self._state.end(SessionEndedData("terminated", "daemon"))
