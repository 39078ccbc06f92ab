"""The names of hypercorn and h11 that are no documented interface, and that we use all the same. After an upgrade of
theirs, what is missing or has changed fails here, by its name. import-linter holds that one file imports hypercorn."""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest

from sandbox_agent.transport.http import access_log, hypercorn_internals, protocol, streams

EVERY_STREAM = "app, config, context, task_group, ssl, client, server, send, stream_id"

FUNCTIONS: Mapping[str, str] = {
    "h11._connection.Connection._process_error": "self, role",
    "h11._connection.Connection.next_event": "self",
    "hypercorn.app_wrappers.ASGIWrapper.__init__": "self, app",
    "hypercorn.app_wrappers.ASGIWrapper.__call__": "async self, scope, receive, send, sync_spawn, call_soon",
    "hypercorn.config.Config.response_headers": "self, protocol",
    "hypercorn.events.Closed.__init__": "self",
    "hypercorn.events.RawData.__init__": "self, data, address",
    "hypercorn.events.Updated.__init__": "self, idle",
    "hypercorn.logging.Logger.__init__": "self, config",
    "hypercorn.logging.Logger.access": "async self, request, response, request_time",
    "hypercorn.logging.Logger.exception": "async self, message, args, kwargs",
    "hypercorn.protocol.events.Body.__init__": "self, stream_id, data",
    "hypercorn.protocol.events.Data.__init__": "self, stream_id, data",
    "hypercorn.protocol.events.EndBody.__init__": "self, stream_id",
    "hypercorn.protocol.events.Request.__init__": "self, stream_id, headers, http_version, method, raw_path, state",
    "hypercorn.protocol.events.Response.__init__": "self, stream_id, headers, status_code",
    "hypercorn.protocol.events.StreamClosed.__init__": "self, stream_id",
    "hypercorn.protocol.h11.H11Protocol.__init__": (
        "self, app, config, context, task_group, connection_state, ssl, client, server, send"
    ),
    "hypercorn.protocol.h11.H11Protocol._check_protocol": "async self, event",
    "hypercorn.protocol.h11.H11Protocol._create_stream": "async self, request",
    "hypercorn.protocol.h11.H11Protocol._send_error_response": "async self, status_code",
    "hypercorn.protocol.h11.H11Protocol._send_h11_event": "async self, event",
    "hypercorn.protocol.h11.H11Protocol.handle": "async self, event",
    "hypercorn.protocol.h11.H11Protocol.stream_send": "async self, event",
    "hypercorn.protocol.h11.H11WSConnection.__init__": "self, h11_connection",
    "hypercorn.protocol.http_stream.HTTPStream.__init__": f"self, {EVERY_STREAM}",
    "hypercorn.protocol.http_stream.HTTPStream._send_error_response": "async self, status_code",
    "hypercorn.protocol.http_stream.HTTPStream.app_send": "async self, message",
    "hypercorn.protocol.http_stream.HTTPStream.handle": "async self, event",
    "hypercorn.protocol.ws_stream.WSStream.__init__": f"self, {EVERY_STREAM}",
    "hypercorn.protocol.ws_stream.WSStream._accept": "async self, message",
    "hypercorn.protocol.ws_stream.WSStream._handle_events": "async self",
    "hypercorn.protocol.ws_stream.WSStream._send_error_response": "async self, status_code",
    "hypercorn.protocol.ws_stream.WSStream._send_wsproto_event": "async self, event",
    "hypercorn.protocol.ws_stream.WSStream.app_send": "async self, message",
    "hypercorn.protocol.ws_stream.WSStream.handle": "async self, event",
    "hypercorn.protocol.ws_stream.WebsocketBuffer.clear": "self",
    "hypercorn.protocol.ws_stream.WebsocketBuffer.extend": "self, event",
    "hypercorn.protocol.ws_stream.WebsocketBuffer.to_message": "self",
    "hypercorn.trio.task_group.TaskGroup.__init__": "self",
    "hypercorn.trio.worker_context.EventWrapper.is_set": "self",
    "hypercorn.trio.worker_context.EventWrapper.set": "async self",
    "hypercorn.trio.worker_context.WorkerContext.__init__": "self, max_requests",
    "hypercorn.utils.suppress_body": "method, status_code",
}
"""Each function with its parameters, in order."""

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "h11._connection.Connection": frozenset({"their_role"}),
    "hypercorn.config.Config": frozenset(
        {
            "errorlog",
            "h11_max_incomplete_size",
            "include_server_header",
            "keep_alive_max_requests",
            "log",
            "logger_class",
            "websocket_max_message_size",
            "websocket_ping_interval",
        }
    ),
    "hypercorn.protocol.h11.H11Protocol": frozenset(
        {
            "app",
            "client",
            "config",
            "connection",
            "connection_state",
            "context",
            "send",
            "server",
            "ssl",
            "stream",
            "task_group",
        }
    ),
    "hypercorn.protocol.http_stream.HTTPStream": frozenset(
        {"app_put", "closed", "config", "response", "scope", "send", "start_time", "state", "stream_id"}
    ),
    "hypercorn.protocol.http_stream.ASGIHTTPState": frozenset({"CLOSED", "REQUEST", "RESPONSE"}),
    "hypercorn.protocol.ws_stream.ASGIWebsocketState": frozenset({"CONNECTED"}),
    "hypercorn.protocol.ws_stream.Handshake": frozenset({"extensions"}),
    "hypercorn.protocol.ws_stream.WSStream": frozenset(
        {
            "app_put",
            "buffer",
            "closed",
            "config",
            "connection",
            "handshake",
            "response",
            "scope",
            "send",
            "start_time",
            "state",
            "stream_id",
        }
    ),
    "hypercorn.trio.worker_context.WorkerContext": frozenset({"terminated"}),
}
"""Of each class the attributes that we read or set."""

EXTENDED: Mapping[str, tuple[type, ...]] = {
    "h11._connection.Connection": (hypercorn_internals.H11Connection, protocol.PatientConnection),
    "hypercorn.protocol.h11.H11Protocol": (hypercorn_internals.HypercornProtocol, protocol.Protocol),
    "hypercorn.protocol.http_stream.HTTPStream": (hypercorn_internals.HypercornHttpStream, streams.HttpStream),
    "hypercorn.protocol.ws_stream.WSStream": (hypercorn_internals.HypercornSocketStream, streams.SocketStream),
    "hypercorn.logging.Logger": (access_log.AccessLog,),
}
"""The classes that ours extend."""

DOCUMENTED = frozenset(
    {"receive_data", "send", "their_state", "they_are_waiting_for_100_continue", "trailing_data", "next_event"}
)
"""Of h11: https://h11.readthedocs.io."""


def found(name: str) -> Any:
    """The class or function of that name. Fails when there is none."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except ModuleNotFoundError:
        pass
    except AttributeError:
        pytest.fail(f"{name} is gone")
    return getattr(found(module), last, None) or pytest.fail(f"{name} is gone")


def written(function: Callable[..., Any]) -> str:
    parameters = ", ".join(inspect.signature(function).parameters)
    return f"async {parameters}" if inspect.iscoroutinefunction(function) else parameters


def tree_of(one: type) -> ast.AST:
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(one)))


def own_names(one: type) -> set[str]:
    """What a class defines, and what its methods set on ``self`` or say that it will have."""
    names = {name for base in one.__mro__[:-1] for name in vars(base)}
    return names | {name for base in one.__mro__[:-1] for name in _of_self(base, stored=True)}


def _of_self(one: type, *, stored: bool) -> Iterator[str]:
    for node in ast.walk(tree_of(one)):
        if isinstance(node, ast.Attribute) and (not stored or isinstance(node.ctx, ast.Store)) and _is_self(node.value):
            yield node.attr


def _is_self(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="self"):
            return True
        case ast.Call(func=ast.Name(id="super")):
            return True
        case ast.Call(func=ast.Name(id="cast"), args=[_, ast.Name(id="self")]):
            return True
        case _:
            return False


def used(one: type) -> set[str]:
    """What a class of ours overrides, and what it takes of ``self``."""
    [body] = [node for node in ast.walk(tree_of(one)) if isinstance(node, ast.ClassDef)]
    defined = {node.name for node in body.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return defined | set(_of_self(one, stored=False))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_we_call_and_override_has_the_parameters_that_we_know(name: str) -> None:
    assert written(found(name)) == FUNCTIONS[name], f"{name} has changed"


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_what_we_read_and_set_is_there(name: str) -> None:
    missing = ATTRIBUTES[name] - own_names(found(name))
    assert not missing, f"{name} has no more {sorted(missing)}"


@pytest.mark.parametrize("name", EXTENDED)
def test_every_name_that_our_classes_use_of_theirs_is_listed(name: str) -> None:
    """So that this page cannot fall behind."""
    listed = ATTRIBUTES.get(name, frozenset()) | {
        function.rpartition(".")[2] for function in FUNCTIONS if function.rpartition(".")[0] == name
    }
    documented = DOCUMENTED if name.startswith("h11") else frozenset[str]()
    theirs = own_names(found(name)) | set(dir(found(name)))
    for ours in EXTENDED[name]:
        assert issubclass(ours, found(name))
        assert (used(ours) & theirs) - listed - documented == set(), f"{ours.__name__} uses names that are not listed"
