"""What codex can say: the JSON schema that its own command writes, and an example of each message for the dialect."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.effects import Unparsed

from ...schema.agents.codex.spec import SPEC
from ..sandbox import Sandbox
from .example import Schema, choices, constant, example
from .kinds import Kind, Made, made

THREAD, TURN = "thread", "turn"

TIME_LIMIT = 60  # seconds


def schemas(sandbox: Sandbox) -> dict[str, Schema]:
    """Written by the program itself, by the name of the file."""
    place = sandbox.home / "schema"
    command = ["codex", "app-server", "generate-json-schema", "--experimental", "--out", str(place)]
    subprocess.run(command, env=sandbox.environment, check=True, capture_output=True, timeout=TIME_LIMIT)
    return {path.stem: json.loads(path.read_text()) for path in place.glob("*.json")}


def codex_kinds(sandbox: Sandbox) -> Iterator[Made]:
    said = schemas(sandbox)
    notifications, requests = said["ServerNotification"], said["ServerRequest"]
    for message in choices(notifications, notifications, "method"):
        method = constant(message, "method", notifications)
        yield made(Kind("codex", f"notification {method}"), _heard(_addressed(example(message, notifications))))
    for message in choices(requests, requests, "method"):
        method = constant(message, "method", requests)
        yield made(Kind("codex", f"request {method}"), _heard(_addressed(example(message, requests))))
    for item in choices(notifications["definitions"]["ThreadItem"], notifications, "type"):
        kind = Kind("codex", f"item {constant(item, 'type', notifications)}")
        yield made(kind, _item(_filled(example(item, notifications))))


def _item(item: dict[str, Any]) -> list[Any]:
    """An item of a type that is not known is told as such, with its members; here that counts as not understood."""
    frames = [
        {"method": method, "params": {"item": item, "threadId": THREAD, "turnId": TURN}}
        for method in ("item/started", "item/completed")
    ]
    effects = _heard(*frames)
    return [_unknown_is_unparsed(effect) for effect in effects]


def _unknown_is_unparsed(effect: Any) -> Any:
    return Unparsed("an unknown type of item", "item") if getattr(effect, "kind", None) == "unknown" else effect


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    """Reasoning without words is not told."""
    return {**item, "id": "i", "summary": ["first"]} if item["type"] == "reasoning" else {**item, "id": "i"}


def _addressed(frame: dict[str, Any]) -> dict[str, Any]:
    """About the thread and the turn that are under way."""
    params = frame.get("params")
    if isinstance(params, dict):
        ours = {"threadId": THREAD, "turnId": TURN}
        frame["params"] = params | {name: value for name, value in ours.items() if name in params}
    return frame


def _heard(*frames: dict[str, Any]) -> list[Any]:
    """What a codex in its first turn makes of these."""
    dialect = Codex(SPEC)
    dialect.begin()
    for answer in (
        {"id": "initialize", "result": {}},
        {"id": "thread_1", "result": {"thread": {"id": THREAD}, "model": "m"}},
    ):
        dialect.receive(json.dumps(answer).encode())
    dialect.prompt(Prompt(1, "hi"))
    dialect.receive(json.dumps({"id": "turn_2", "result": {"turn": {"id": TURN}}}).encode())
    started = {"threadId": THREAD, "turn": {"id": TURN}}
    dialect.receive(json.dumps({"method": "turn/started", "params": started}).encode())
    return [effect for frame in frames for effect in dialect.receive(json.dumps(frame).encode())]
