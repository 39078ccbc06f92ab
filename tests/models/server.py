"""The server itself: finds the protocol that serves a request, and remembers what was asked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import trio
from attrs import evolve

from .anthropic import Anthropic
from .http import Request, Response, serve_connection
from .names import Names
from .openai_chat import OpenAiChat
from .openai_responses import OpenAiResponses


class ModelProtocol(Protocol):
    def serves(self, request: Request) -> bool: ...

    def respond(self, request: Request) -> Response: ...


_PROTOCOLS = (Anthropic, OpenAiChat, OpenAiResponses)


class ModelServer:
    """``requests`` holds every request in the order of arrival, for a test to look at. ``names`` is how it names what
    it says, ``headers`` what each answer carries besides."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[Request] = []
        self.names = Names()
        self.headers: dict[str, str] = {}
        self._protocols: Sequence[ModelProtocol] = [protocol(self.names) for protocol in _PROTOCOLS]

    def __repr__(self) -> str:
        return f"<ModelServer {self.url} requests={len(self.requests)}>"

    def asked(self) -> list[Any]:
        """The bodies of the requests that a model had to answer."""
        return [request.json() for request in self.requests if request.method == "POST"]

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if request.method == "HEAD":  # claude asks whether anybody is there before it starts
            return Response(200, {}, b"")
        for protocol in self._protocols:
            if protocol.serves(request):
                response = protocol.respond(request)
                return evolve(response, headers={**response.headers, **self.headers})
        return Response.of_json(404, {"type": "error", "error": {"type": "not_found_error", "message": request.path}})


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """A model server on a free loopback port, gone at the end of the block whatever its clients do."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = ModelServer(listener.socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, lambda stream: serve_connection(stream, server.handle), [listener])
        yield server
        nursery.cancel_scope.cancel()
