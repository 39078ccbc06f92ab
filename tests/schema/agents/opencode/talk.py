"""Words for opencode's playbooks: what the server answers and tells, and the calls that follow."""

import json
from typing import Any

from attrs import evolve

from sandbox_agent.schema.agents.dialect import HttpResponse
from sandbox_agent.schema.agents.effects import CallHttp, FollowStream, NativeSessionNamed, Reach, Ready
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.agents.opencode.dialect import OpenCode

from ...playbook import Matcher, Playbook, Said, begins, prompts, says
from .spec import SPEC

OWN = "ses_own"
BUSY = {OWN: {"type": "busy"}}


def tells(kind: str, **properties: Any) -> Said:
    """An event of the stream, about the session itself unless it says otherwise."""
    event = {"id": "evt_1", "type": kind, "properties": {"sessionID": OWN, **properties}}
    return Said(f"event {kind} {properties}", lambda dialect: dialect.streamed(json.dumps(event).encode()))  # type: ignore[attr-defined]


def answers_call(call_id: str, body: Any = None, status: int = 200, reason: str = "") -> Said:
    response = HttpResponse(status, b"" if body is None else json.dumps(body).encode(), reason)
    return Said(f"{call_id}: {status} {body}", lambda dialect: dialect.responded(call_id, response))  # type: ignore[attr-defined]


def calls(call_id: str, method: str, path: str, body: Any = None) -> Matcher:
    def matches(got: Any) -> bool:
        return (
            isinstance(got, CallHttp)
            and (got.call_id, got.method, got.path) == (call_id, method, path)
            and json.loads(got.body or b"null") == body
        )

    return Matcher(f"call {call_id}: {method} {path} {body}", matches)


def asks_status(number: int = 1) -> Matcher:
    return calls(f"status {number}", "GET", "/session/status")


def asks_history(number: int = 1) -> Matcher:
    return calls(f"messages {number}", "GET", f"/session/{OWN}/message?limit=100")


def aborts(number: int = 1) -> Matcher:
    return calls(f"abort {number}", "POST", f"/session/{OWN}/abort")


def message(role: str, message_id: str | None = None, **members: Any) -> dict[str, Any]:
    return {"id": message_id or f"msg_{role}", "role": role, "sessionID": OWN, **members}


def spoken(text: str, *, part_id: str = "prt_text", finished: bool = True) -> dict[str, Any]:
    time = {"start": 1, "end": 2} if finished else {"start": 1}
    return {"id": part_id, "type": "text", "sessionID": OWN, "messageID": "msg_assistant", "text": text, "time": time}


def tool(status: str, name: str = "bash", **state: Any) -> dict[str, Any]:
    return {
        "id": "prt_tool", "type": "tool", "sessionID": OWN, "messageID": "msg_assistant", "tool": name,
        "callID": "call", "state": {"status": status, **state},
    }  # fmt: skip


def connected(**spec: Any) -> Playbook:
    """A server that listens and whose stream is open; the three first calls are under way."""
    resume = spec.get("resume")
    return (
        Playbook(OpenCode(evolve(SPEC, **spec)), Ledger())
        >> begins()
        >> says(b"Warning: something that nobody needs")
        >> says(b"opencode server listening on http://127.0.0.1:4096")
        << Reach("http://127.0.0.1:4096", "opencode", "a-password")
        << FollowStream("/event")
        >> tells("server.connected")
        << calls("config", "GET", "/config")
        << calls("providers", "GET", "/config/providers")
        << (calls("session", "GET", f"/session/{resume}") if resume else calls("session", "POST", "/session", {}))
    )


def idle(**spec: Any) -> Playbook:
    """A server that is ready; its user has named a model."""
    return (
        connected(**spec)
        >> answers_call("config", {"model": "p/m"})
        >> answers_call("providers", {"providers": [], "default": {}})
        >> answers_call("session", {"id": OWN})
        << NativeSessionNamed(OWN)
        << Ready()
    )


def prompted(**spec: Any) -> Playbook:
    """A prompt was sent, and nothing has been heard of it."""
    body = {
        "parts": [{"type": "text", "text": "hi"}], "agent": "build",
        "model": {"providerID": "p", "modelID": "m"},
    }  # fmt: skip
    return (
        idle(**spec)
        >> prompts("hi")
        << "S turn.started turn_1"
        << "S item.started itm_1 user_1 message user 'hi'"
        << "S item.completed itm_1 user_1 message user completed 'hi'"
        << calls("prompt 1", "POST", f"/session/{OWN}/prompt_async", body)
        >> answers_call("prompt 1", status=204)
    )


def answering() -> Playbook:
    """The prompt was taken up and an answer is being given."""
    return (
        prompted()
        >> tells("message.updated", info=message("user"))
        >> tells("session.status", status={"type": "busy"})
        >> tells("message.updated", info=message("assistant", time={"created": 1}))
    )


def done() -> dict[str, Any]:
    return message("assistant", time={"created": 1, "completed": 2}, finish="stop")
