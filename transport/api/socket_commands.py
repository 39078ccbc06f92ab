"""Commands as they come over a WebSocket: read from a frame, and answered with one."""

from typing import cast

from ...actors.public import Answer
from ...schema.api.commands import Command, Receipt, check_key
from ...schema.api.ws_commands import WebSocketAck, WebSocketError
from ...schema.codec import Codec
from ...schema.json_text import BAD_JSON, decode_json
from ...schema.problems import Problem, invalid_request
from .call import Call

COMMAND = cast("type[Command]", Command)  # a union is no type to a type checker


async def answer_frame(call: Call, text: str | bytes, address: str) -> WebSocketAck | WebSocketError:
    """A frame that is not a command is answered with what is wrong, and forgotten: its id may be used again."""
    command_id: str | None = None
    try:
        value = read_object(text)
        command_id = read_id(value)
        call.guard.pace(call.grant, address)
        command = call.daemon.codec.build(value, COMMAND)
        call.guard.permit_command(call.grant, command)
    except Problem as problem:
        return WebSocketError(command_id, problem.body())
    answer = await call.commands.execute(call.session_id, command, command_id, call.by)
    if answer.problem is not None:
        return WebSocketError(command_id, answer.problem.body())
    return WebSocketAck(command_id, _result(answer, call.daemon.codec))


def _result(answer: Answer, codec: Codec) -> object:
    if isinstance(answer.result, Receipt):
        return {"turnId": answer.result.turn_id}
    return codec.plain(answer.result)


def read_object(text: str | bytes) -> dict[str, object]:
    """The JSON object of a frame. Raises a 400 problem."""
    try:
        value = decode_json(text)
    except BAD_JSON as error:
        raise invalid_request(f"a frame must be one JSON object: {error}") from error
    if not isinstance(value, dict):
        raise invalid_request("a frame must be one JSON object")
    return cast("dict[str, object]", value)


def read_id(value: dict[str, object]) -> str:
    """Raises a 400 problem. A command without an id could not be answered."""
    command_id = value.get("id")
    return check_key(command_id if isinstance(command_id, str) else "", "`id`")
