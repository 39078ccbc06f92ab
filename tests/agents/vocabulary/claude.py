"""An example of each message that claude can write, for the dialect."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.claude.status import IGNORED, TOLD
from sandbox_agent.schema.agents.dialect import Prompt

from ...schema.agents.claude.spec import SPEC
from .claude_program import vocabulary
from .kinds import Kind, Made, made

READ_IN_FULL: dict[str, dict[str, Any]] = {
    "assistant": {"message": {"id": "m", "content": [{"type": "text", "text": "words"}]}},
    "control_cancel_request": {"request_id": "r"},
    "control_request": {"request_id": "r", "request": {"subtype": "can_use_tool", "tool_name": "Bash"}},
    "control_response": {"response": {"subtype": "success", "request_id": "initialize"}},
    "result": {"is_error": False},
    "stream_event": {"event": {"type": "message_start", "message": {"id": "m"}}},
    "user": {"message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}},
}
"""Messages that the dialect reads by their members; of the others their kind says it all."""

SYSTEM = frozenset({"api_retry", "background_tasks_changed", "init", "status"}) | TOLD.keys() | IGNORED
"""The subtypes that the dialect knows: any other is told as news, but nobody has looked at it."""


def claude_kinds(program: Path) -> Iterator[Made]:
    said = vocabulary(program)
    for kind, subtype in sorted(said.messages, key=str):
        if kind != "system":
            line = {"type": kind, "uuid": "u", **READ_IN_FULL.get(kind, {})}
            yield made(Kind("claude", f"message {kind}"), _heard(line))
        elif subtype in SYSTEM:
            line = {"type": kind, "subtype": subtype, "uuid": "u", "session_id": "n"}
            yield made(Kind("claude", f"system {subtype}"), _heard(line))
        else:
            yield Made(Kind("claude", f"system {subtype}"), "unparsed", "a subtype that nobody has looked at")
    for control in sorted(said.controls):
        request = {"subtype": control, "tool_name": "Bash", "tool_use_id": "t", "input": {}}
        line = {"type": "control_request", "request_id": "r", "request": request}
        yield made(Kind("claude", f"control {control}"), _heard(line))


def _heard(line: dict[str, Any]) -> list[Any]:
    """What a claude in its first turn makes of this."""
    dialect = Claude(SPEC)
    dialect.begin()
    if line["type"] != "control_response":
        dialect.receive(json.dumps({"type": "control_response", **READ_IN_FULL["control_response"]}).encode())
    dialect.prompt(Prompt(1, "hi"))
    return list(dialect.receive(json.dumps(line).encode()))
