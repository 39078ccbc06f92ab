"""What opencode can say: the OpenAPI document that its own server gives, and an example of each event."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from sandbox_agent.schema.agents.dialect import HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import Effect
from sandbox_agent.schema.agents.opencode.dialect import OpenCode

from ...schema.agents.opencode.spec import SPEC
from ..sandbox import Sandbox
from .example import Schema, choices, constant, example
from .kinds import Kind, Made, made

LISTENING = b"listening on "
OWN, ANSWER = "ses_own", "msg_assistant"

TIME_LIMIT = 60  # seconds


@asynccontextmanager
async def _served(sandbox: Sandbox) -> AsyncIterator[str]:
    command = ["opencode", "serve", "--hostname", "127.0.0.1", "--port", "0"]
    process = await trio.lowlevel.open_process(
        command, env=sandbox.environment, cwd=sandbox.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        said = b""
        while LISTENING not in said or not said.endswith(b"\n"):
            said += await process.stdout.receive_some()
        yield said.rpartition(LISTENING)[2].strip().decode()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def document(sandbox: Sandbox) -> Schema:
    with trio.fail_after(TIME_LIMIT):
        async with (
            _served(sandbox) as url,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=TIME_LIMIT) as http,
        ):
            return dict((await http.get("/doc")).raise_for_status().json())


async def opencode_kinds(sandbox: Sandbox) -> list[Made]:
    root = await document(sandbox)
    return [*_events(root), *_parts(root)]


def _events(root: Schema) -> Iterator[Made]:
    stream = root["paths"]["/event"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    for event in choices(stream, root, "type"):
        said = example(event, root)
        said["properties"] = _ours(said.get("properties", {}))
        yield made(Kind("opencode", f"event {constant(event, 'type', root)}"), _answering().streamed(_text(said)))


def _parts(root: Schema) -> Iterator[Made]:
    for part in choices(root["components"]["schemas"]["Part"], root, "type"):
        said = _ours(example(part, root)) | {"messageID": ANSWER}
        if said["type"] in ("text", "reasoning"):  # told by its deltas, or when it has ended
            said |= {"text": "words", "time": {"start": 1, "end": 2}}
        event = {"id": "e", "type": "message.part.updated", "properties": {"sessionID": OWN, "part": said}}
        yield made(Kind("opencode", f"part {said['type']}"), _answering().streamed(_text(event)))


def _ours(properties: Any) -> dict[str, Any]:
    """About the session that is in its turn."""
    return properties | ({"sessionID": OWN} if "sessionID" in properties else {})


def _answering() -> OpenCode:
    """A server whose session is being answered."""
    dialect = OpenCode(SPEC)
    dialect.receive(b"opencode server listening on http://127.0.0.1:4096")
    dialect.streamed(_text({"id": "e", "type": "server.connected", "properties": {}}))
    for call, body in (("config", {"model": "p/m"}), ("providers", {"providers": [], "default": {}})):
        dialect.responded(call, HttpResponse(200, _text(body), ""))
    dialect.responded("session", HttpResponse(200, _text({"id": OWN}), ""))
    dialect.prompt(Prompt(1, "hi"))
    for message in (
        {"id": "msg_user", "role": "user", "sessionID": OWN},
        {"id": ANSWER, "role": "assistant", "sessionID": OWN, "time": {"created": 1}},
    ):
        said = {"id": "e", "type": "message.updated", "properties": {"sessionID": OWN, "info": message}}
        _: list[Effect] = list(dialect.streamed(_text(said)))
    return dialect


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()
