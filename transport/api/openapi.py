"""The OpenAPI document, made from the route table and the schema.

``python -m sandbox_agent.transport.api.openapi > docs/openapi.json`` refreshes the committed copy.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import attrs

from ...schema.access.tokens import StreamEnded
from ...schema.api import queries
from ...schema.api.commands import MAX_KEY, Command
from ...schema.api.ws_commands import WebSocketAck, WebSocketAuth, WebSocketCommand, WebSocketError
from ...schema.codec import wire_name
from ...schema.cursor import DIGITS, Cursor, StreamResync
from ...schema.events import UniversalEvent
from ...schema.json_schema import Components
from ...schema.problems import ProblemDetails
from ..guard.tickets import PARAMETER
from ..http.paths import MAX_ID
from ..route import Route
from .call import TURN
from .parameters import value_type
from .routes import ROUTES

Json = dict[str, Any]

TAGS = {
    "meta": "About the server",
    "access": "Tokens and tickets",
    "agents": "Agents",
    "sessions": "Sessions, their events and what they ask",
}
SECURITY: list[Json] = [{"bearer": []}, {"basic": []}]
NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]+$"
"""Of an id in a path: Unicode's category Cc is these."""
DESCRIPTION = (
    "One API over the coding agents in a sandbox: Claude Code, Codex, OpenCode and Amp. "
    "Every error is an `application/problem+json` body. The token goes into the Authorization header as `Bearer`, "
    "`Token` or the password of `Basic`, never into a URL."
)


PROBLEMS: Mapping[int, str] = {
    400: "the request is wrong",
    401: "the token is missing or wrong",
    403: "the Host or Origin is not allowed, or the token lacks the scope; the problem names both",
    404: "there is no such path, session or agent",
    405: "the method is not allowed here",
    409: "the session id is taken",
    413: "the body is too large",
    415: "the body is not JSON by its Content-Type",
    422: "the body is JSON of the wrong shape, or the key names another command",
    424: "the agent has no credentials; the details say which and where they were looked for",
    429: "too much at once; Retry-After says when to try again",
    500: "a failure of the daemon or of the agent",
    503: "the daemon is stopping, or cannot keep anything; Retry-After says when to try again",
}
"""In our words: those of Python's ``http`` change from version to version, and the document is committed."""


def document(base_path: str = "") -> Json:
    """``base_path``: where it is served. Relative then, because only the client knows the name of the host."""
    components = Components()
    paths: dict[str, Json] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, components)
    for cls in (queries.EventsQuery, queries.TurnStreamQuery):
        components.of(cls)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "sandbox-agent",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
            "version": version("sandbox-agent"),
        },
        "servers": [{"url": base_path or "http://localhost:2468"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": SECURITY,
        "paths": paths,
        "components": {
            "schemas": components.schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Any user; the token is the password."},
                "ticket": {
                    "type": "apiKey",
                    "in": "query",
                    "name": PARAMETER,
                    "description": "For one request, from `POST /v1/tickets`; never a token.",
                },
            },
        },
    }


def document_json(base_path: str = "") -> bytes:
    return (json.dumps(document(base_path), indent=2, ensure_ascii=False) + "\n").encode()


def operation(route: Route, components: Components) -> Json:
    found: Json = {"tags": [route.tag], "summary": route.summary, "operationId": route.operation_id}
    if route.description:
        found["description"] = route.description
    if parameters := [*path_parameters(route), *query_parameters(route, components), *key_parameters(route)]:
        found["parameters"] = parameters
    if route.body:
        content = {"application/json": {"schema": components.of(route.body)}}
        found["requestBody"] = {"required": True, "content": content}
    successes = {route.status: route.success} | dict(route.other_statuses)
    found["responses"] = {str(status): success(route, text, components) for status, text in successes.items()} | {
        str(status): problem(status, components) for status in problem_statuses(route)
    }
    if route.kind == "websocket":
        command = {"allOf": [components.of(WebSocketCommand), components.of(Command)]}
        found["x-websocket-client-frames"] = [command, components.of(WebSocketAuth)]
        frames = (UniversalEvent, StreamResync, StreamEnded, WebSocketAck, WebSocketError)
        found["x-websocket-server-frames"] = [components.of(cls) for cls in frames]
    if route.open:
        found["security"] = []
    elif route.ticket:
        found["security"] = [*SECURITY, {"ticket": []}]
    if not route.open:
        # The schemes of OpenAPI 3.0 for a bearer token have no scopes of their own.
        found["x-scopes"] = list(route.scopes)
        found["x-session-tokens"] = route.of_session or route.limited
        needs = " and ".join(f"`{scope}`" for scope in route.scopes)
        told = f"Needs the scope {needs}." if needs else "Needs any token."
        found["description"] = f"{found['description']} {told}" if "description" in found else told
    return found


def success(route: Route, text: str, components: Components) -> Json:
    found: Json = {"description": text}
    if route.keyed:
        replayed = {"description": "`true` when this is the first answer repeated.", "schema": {"type": "string"}}
        found["headers"] = {"Idempotency-Replayed": replayed}
    if route.prompts:
        found["headers"][TURN] = {"description": "The prompt's turn: `turn_2`.", "schema": {"type": "string"}}
    match route.kind:
        case "json" if route.answer:
            found["content"] = {"application/json": {"schema": components.of(route.answer)}}
        case "json" if route.status != HTTPStatus.NO_CONTENT:
            found["content"] = {"application/json": {"schema": {"type": "object"}}}
        case "text" | "metrics":
            found["content"] = {"text/plain": {"schema": {"type": "string"}}}
        case "sse":
            frames = [components.of(cls) for cls in (UniversalEvent, StreamResync, StreamEnded)]
            found["content"] = {"text/event-stream": {"schema": {"oneOf": frames}}}
        case _:
            pass
    return found


def problem_statuses(route: Route) -> list[int]:
    common = {401, 403, 429, 500} if not route.open else {500} if route.operation_id == "get_health" else {429, 500}
    taken = {413, 415} if route.body else set[int]()
    return sorted(
        {
            *route.problems,
            *common,
            *taken,
            *((400, 422) if route.body or route.keyed else ()),
            *((429, 503) if route.keyed else ()),
        }
    )


def problem(status: int, components: Components) -> Json:
    content = {"application/problem+json": {"schema": components.of(ProblemDetails)}}
    return {"description": PROBLEMS[status], "content": content}


def path_parameters(route: Route) -> Iterable[Json]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        schema: Json = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": NO_CONTROLS}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def key_parameters(route: Route) -> Iterable[Json]:
    if route.keyed:
        description = (
            "Your own name for this command: within the session it is done once, and a repeat is answered alike."
        )
        schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": description,
            "schema": schema,
        }


def query_parameters(route: Route, components: Components) -> Iterable[Json]:
    if route.query is None:
        return
    for field in attrs.fields(attrs.resolve_types(route.query)):
        schema = parameter_schema(value_type(field.type), components)
        description = field.metadata["doc"]
        if (alias := wire_name(route.query, field.name)) != field.name:
            description += f" `{alias}` is accepted as well."
        yield {"name": field.name, "in": "query", "required": False, "description": description, "schema": schema}


def parameter_schema(kind: type, components: Components) -> Json:
    number = {"type": "integer", "format": "int64", "minimum": 0}
    if kind is Cursor:
        most = {"maximum": 10**DIGITS - 1}
        return {"oneOf": [number | most, {"type": "string", "pattern": f"^.+:[0-9]{{1,{DIGITS}}}$"}]}
    return number if kind is int else components.of(kind)


if __name__ == "__main__":
    sys.stdout.buffer.write(document_json())
