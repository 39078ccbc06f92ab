"""The app: the route table as a Quart application, and the checks that every request passes.

Order: Host and Origin (403; not for health), outside of the base path (404), preflight, unknown path or method (404,
405), token (401, 429), scope and session (403, 404), then the route's own. As on wire 0.1 an unknown path is told to
anyone, and so is what the API looks like.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import msgspec
from attrs import frozen
from quart import Request, Response, has_websocket_context, request, websocket
from quart_trio import QuartTrio
from structlog.contextvars import bind_contextvars
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge, RequestTimeout
from werkzeug.routing import WebsocketMismatch

from ...actors.public import Answer, Commands, DaemonFacade, Grant, Shortage
from ...schema.api.commands import Receipt, check_key
from ...schema.base_path import below
from ...schema.problems import (
    Problem,
    body_too_slow,
    expectation_failed,
    internal_error,
    invalid_request,
    method_not_allowed,
    not_found,
    outside,
    payload_too_large,
    unsupported_encoding,
    unsupported_media_type,
)
from ..guard.cors import Cors
from ..guard.guard import Guard
from ..guard.hosts import Hosts
from ..guard.screen import grant_of, screen_request
from ..http.bearer import Bearer, bearer_of
from ..http.failures import log_failure
from ..http.paths import PathMap, canonical_path, decode_ids
from ..listening.prover import Prover
from ..metrics.scrape import Metrics
from ..route import CONTENT_TYPES, Route
from ..subscriptions.readers import Readers
from .call import Call, Stream, WithStatus, headers_of
from .openapi import document_json
from .parameters import parse_query
from .routes import ROUTES

SSE_HEADERS = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
KEY_HEADER = "Idempotency-Key"

BY_ID = {route.operation_id: route for route in ROUTES}
ANY_HOST = frozenset({"get_health"})
"""Load balancers ask by address, or by a name of their own. It is not counted either: an orchestrator that is told 429
would restart what only has a rude neighbour."""


class App(QuartTrio):
    url_map_class = PathMap


@frozen
class Front:
    """Everything that requests share."""

    daemon: DaemonFacade
    guard: Guard
    cors: Cors
    hosts: Hosts
    readers: Readers
    commands: Commands
    metrics: Metrics
    prover: Prover


def make_app(front: Front) -> App:
    app = App("sandbox_agent", static_folder=None)
    settings = front.daemon.settings
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["BODY_TIMEOUT"] = settings.body_timeout or None
    app.config["RESPONSE_TIMEOUT"] = None  # Quart's minute would end every stream
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    cast("PathMap", app.url_map).base_path = settings.base_path
    document = document_json(settings.base_path)
    for route in ROUTES:
        if route.kind == "websocket":
            app.add_websocket(route.rule, route.operation_id, _socket_view(front, route))
        else:
            app.add_url_rule(route.rule, route.operation_id, _view(front, route, document), methods=[route.method])
    app.before_request(_screen(front))
    app.before_websocket(_screen_websocket(front))
    app.after_request(_with_cors(front.cors))
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _refused(settings.max_body_bytes))
    app.register_error_handler(Exception, _failed)
    return app


# Every hook is a coroutine: Quart runs a plain function in a thread.


def _screen(front: Front) -> Callable[[], Awaitable[Response | None]]:
    async def screen() -> Response | None:
        asked = request.headers
        origin = asked.get("Origin")
        if request.endpoint not in ANY_HOST:
            front.hosts.check_request(request.method, asked.get("Host", ""), origin, asked.get("Authorization"))
        check_below(front.daemon.settings.base_path, request.scope["raw_path"])
        if request.method == "OPTIONS":
            method, names = asked.get("Access-Control-Request-Method"), asked.get("Access-Control-Request-Headers")
            return Response(b"", headers=front.cors.preflight_headers(origin, method, names), content_type="text/plain")
        if request.routing_exception is not None or request.endpoint not in ANY_HOST:
            screen_request(front.guard, request, asked_route(), front.daemon.settings.base_path)
        _check_expectation(asked)
        return None

    return screen


def asked_route() -> Route | None:
    return None if request.routing_exception is not None else BY_ID.get(request.endpoint or "")


def _check_expectation(headers: Headers) -> None:
    """Raises a 417 problem. What we understand is kept by asking for the body when it is wanted."""
    for expected in headers.getlist("Expect"):
        if expected.strip().lower() != "100-continue":
            raise expectation_failed(expected)


def _screen_websocket(front: Front) -> Callable[[], Awaitable[None]]:
    async def screen() -> None:
        front.hosts.check_websocket(websocket.headers.get("Host", ""), websocket.headers.get("Origin"))
        check_below(front.daemon.settings.base_path, websocket.scope["raw_path"])
        _check_expectation(websocket.headers)

    return screen


def check_below(base_path: str, raw_path: bytes) -> None:
    """Raises a 404 problem for a path that no route can have: a client that left the prefix out should learn of it."""
    if base_path and below(base_path, canonical_path(raw_path)) is None:
        raise outside(base_path)


def _with_cors(cors: Cors) -> Callable[[Response], Awaitable[Response]]:
    async def add(response: Response) -> Response:
        headers = response.headers
        headers.update(cors.answer_headers(request.headers.get("Origin")))
        headers["x-content-type-options"] = "nosniff"
        if "cache-control" not in headers:  # a stream of events has its own, as on wire 0.1
            headers["cache-control"] = "no-store"
        return response

    return add


def _view(front: Front, route: Route, document: bytes) -> Callable[..., Awaitable[Response]]:
    async def view(**values: str) -> Response:
        ids = _named(values)
        grant = Grant("nobody", ()) if route.open else grant_of(request.scope)
        front.guard.permit(grant, route, ids)
        call = Call(
            daemon=front.daemon,
            readers=front.readers,
            commands=front.commands,
            metrics=front.metrics,
            guard=front.guard,
            grant=grant,
            route=route,
            ids=ids,
            query=parse_query(route.query, request.args) if route.query else None,
            body=await read_body(front.daemon, request, route.body) if route.body else None,
            key=read_key(request) if route.keyed else None,
            last_event_id=request.headers.get("Last-Event-ID"),
            prove=partial(prove, front.prover, bearer_of(request.scope)),
            openapi=document,
        )
        return answer(front.daemon, route, await route.handler(call), head=request.method == "HEAD")

    return view


def prove(prover: Prover, bearer: Bearer, nonce: str) -> str:
    return prover.prove(nonce, bearer.channel)


def _named(values: dict[str, str]) -> dict[str, str]:
    """Decoded. From here on whatever is logged in this request's task says which session it is about."""
    ids = decode_ids(values)
    bind_contextvars(**{name: value for name, value in ids.items() if name == "session_id"})
    return ids


def _socket_view(front: Front, route: Route) -> Callable[..., Awaitable[None]]:
    async def view(**values: str) -> None:
        call = Call(
            daemon=front.daemon,
            readers=front.readers,
            commands=front.commands,
            metrics=front.metrics,
            guard=front.guard,
            grant=Grant("nobody", ()),
            route=route,
            ids=_named(values),
            query=parse_query(route.query, websocket.args) if route.query else None,
            transport="websocket",
        )
        await route.handler(call, websocket)

    return view


def read_key(asked: Request) -> str | None:
    """The Idempotency-Key. Raises a 400 problem."""
    value = asked.headers.get(KEY_HEADER)
    if value is None:
        return None
    try:  # as a WebSocket would carry it; headers come to us as Latin-1
        key = value.encode("latin-1").decode()
    except UnicodeError:
        key = ""
    return check_key(key, f"header {KEY_HEADER}")


async def read_body(daemon: DaemonFacade, asked: Request, cls: type) -> Any:
    """Raises a 415 problem before the body is read, 413 while it is, and 400 or 422 for what it says."""
    has_body = bool(asked.content_length) or "Transfer-Encoding" in asked.headers
    encoding = ", ".join(asked.headers.getlist("Content-Encoding"))
    if has_body and encoding.strip().lower() not in ("", "identity"):
        raise unsupported_encoding(encoding)
    if has_body and not (asked.mimetype == "application/json" or asked.mimetype.endswith("+json")):
        raise unsupported_media_type(asked.headers.get("Content-Type"))
    limit = daemon.settings.max_body_bytes
    if asked.content_length is not None and asked.content_length > limit:
        raise payload_too_large(limit)
    await bearer_of(asked.scope).want_body()
    body = await asked.get_data(cache=False, as_text=False, parse_form_data=False)
    if not body:
        raise invalid_request(f"a JSON body is required: {cls.__name__} of /openapi.json")
    return cast("Any", daemon.codec.decode(body, cls))


def answer(daemon: DaemonFacade, route: Route, value: Any, *, head: bool) -> Response:
    """``head``: the headers of the answer, and nothing of a stream that might not end."""
    if isinstance(value, Answer):
        response = answer(daemon, route, None if isinstance(value.result, Receipt) else value.result, head=head)
        response.headers.update(headers_of(value))
        return response
    if value is None:
        return _empty(route.status)
    content_type, status = CONTENT_TYPES[route.kind], route.status
    if isinstance(value, WithStatus):
        value, status = value.body, value.status
    if isinstance(value, Stream):
        response = Response(b"" if head else value.chunks, status, content_type=content_type)
        if route.kind == "sse":
            response.headers.extend(SSE_HEADERS)
        response.headers.update(value.headers)
        return response
    body = value if isinstance(value, (str, bytes)) else daemon.codec.encode(value)
    return Response(body, status, content_type=content_type)


def _empty(status: int) -> Response:
    response = Response(b"", status)
    for name in ("Content-Type", "Content-Length"):  # RFC 9110: neither belongs to a 204
        response.headers.pop(name, None)
    return response


async def problem_response(problem: Problem) -> Response:
    body = msgspec.json.encode(problem.body())
    return Response(body, problem.status, headers=dict(problem.headers), content_type="application/problem+json")


def _refused(max_body_bytes: int) -> Callable[[HTTPException], Awaitable[Response]]:
    async def refused(error: HTTPException) -> Response:
        asked = websocket if has_websocket_context() else request
        return await problem_response(http_problem(error, asked.method, asked.path, max_body_bytes))

    return refused


def http_problem(error: HTTPException, method: str, path: str, max_body_bytes: int) -> Problem:
    """What Werkzeug and Quart refuse by themselves."""
    match error:
        case NotFound():
            return not_found(path)
        case MethodNotAllowed():
            return method_not_allowed(method, path, tuple(sorted(error.valid_methods or ())))
        case RequestEntityTooLarge():
            return payload_too_large(max_body_bytes)
        case RequestTimeout():
            return body_too_slow()
        case WebsocketMismatch():
            return invalid_request(f"{path} is for WebSockets, or this is a WebSocket to a path that has none")
        case _:
            return invalid_request(error.description or error.name)


async def _failed(error: Exception) -> Response:
    log_failure("request.failed", error)
    if (shortage := Shortage.of(error)) is not None:
        return await problem_response(shortage.problem())
    return await problem_response(internal_error("unexpected; the daemon's log says more"))
