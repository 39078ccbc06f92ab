"""Commands that come over WebSockets: done once each, answered as often as they are repeated."""

from collections import OrderedDict
from typing import cast
from weakref import WeakKeyDictionary

import msgspec
import trio
from attrs import define, field

from ..actors.daemon import Daemon
from ..actors.log import Log
from ..schema.problems import Problem, internal_error, invalid_request, stream_error
from ..schema.sessions import MessageRequest
from ..schema.ws_commands import (
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    TerminateCommand,
    WebSocketAck,
    WebSocketCommand,
    WebSocketError,
)
from .failures import log_failure

MAX_COMMAND_ID = 256

COMMANDS = cast("type[WebSocketCommand]", WebSocketCommand)  # a union is no type to a type checker
Answer = WebSocketAck | WebSocketError


@define
class Outcome:
    """``answer`` is there once ``done`` is set, save when the daemon stopped in the middle."""

    done: trio.Event = field(factory=trio.Event)
    answer: Answer | None = None


class SocketCommands:
    """Answers are remembered by log, not by connection: a client that lost its connection repeats on the next one, and
    another life of the same session id has another log and another memory.

    A command runs in ``nursery``, not in its connection, so that a client that leaves in the middle leaves no command
    half done and its repeat finds the answer.
    """

    def __init__(self, daemon: Daemon, nursery: trio.Nursery) -> None:
        self._daemon = daemon
        self._nursery = nursery
        self._kept = daemon.settings.answers_kept
        self._outcomes: WeakKeyDictionary[Log, OrderedDict[str, Outcome]] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<SocketCommands {sum(map(len, self._outcomes.values()))} answers of {len(self._outcomes)} sessions>"

    async def answer(self, log: Log, session_id: str, text: str | bytes) -> Answer:
        """A frame that is not a command is answered with what is wrong, and forgotten: its id may be used again."""
        command_id: str | None = None
        try:
            value = read_object(text)
            command_id = read_id(value)
            command = self._daemon.codec.build(value, COMMANDS)
        except Problem as problem:
            return WebSocketError(command_id, problem.body())
        outcome = self._outcome_of(log, session_id, command)
        await outcome.done.wait()
        return outcome.answer or WebSocketError(command.id, stream_error("the daemon stops").body())

    def _outcome_of(self, log: Log, session_id: str, command: WebSocketCommand) -> Outcome:
        known = self._outcomes.setdefault(log, OrderedDict())
        outcome = known.get(command.id)
        if outcome is None:
            outcome = known[command.id] = Outcome()
            self._nursery.start_soon(self._run, session_id, command, outcome)
            while len(known) > max(self._kept, 1):
                known.popitem(last=False)
        known.move_to_end(command.id)
        return outcome

    async def _run(self, session_id: str, command: WebSocketCommand, outcome: Outcome) -> None:
        try:
            outcome.answer = await self._do(session_id, command)
        except Problem as problem:
            outcome.answer = WebSocketError(command.id, problem.body())
        except Exception as error:  # noqa: BLE001 - ours; the connection and the other commands go on
            log_failure("command.failed", error, command=command.type)
            outcome.answer = WebSocketError(
                command.id, internal_error("the command failed; see the daemon's log").body()
            )
        finally:
            outcome.done.set()

    async def _do(self, session_id: str, command: WebSocketCommand) -> WebSocketAck:
        result = None
        match command:
            case MessageCommand(message=message, attachments=attachments):
                receipt = await self._daemon.send(session_id, MessageRequest(message, attachments))
                result = {"turnId": receipt.turn_id}
            case PermissionReplyCommand(permission_id=ask_id, reply=reply):
                await self._daemon.reply_permission(session_id, ask_id, reply)
            case QuestionReplyCommand(question_id=ask_id, answers=answers):
                await self._daemon.reply_question(session_id, ask_id, answers)
            case QuestionRejectCommand(question_id=ask_id):
                await self._daemon.reply_question(session_id, ask_id, None)
            case InterruptCommand():
                result = self._daemon.codec.plain(await self._daemon.interrupt(session_id))
            case TerminateCommand():
                await self._daemon.terminate(session_id)
        return WebSocketAck(command.id, result)


def read_object(text: str | bytes) -> dict[str, object]:
    """The JSON object of a frame. Raises a 400 problem."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise invalid_request(f"a frame must be one JSON object: {error}") from error


def read_id(value: dict[str, object]) -> str:
    """Raises a 400 problem. A command without an id could not be answered."""
    command_id = value.get("id")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= MAX_COMMAND_ID:
        raise invalid_request(f"`id` must be a string of 1 to {MAX_COMMAND_ID} characters that you choose")
    return command_id
