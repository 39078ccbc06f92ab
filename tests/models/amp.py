"""Amp's server, as far as the native program needs it: accounts and threads over HTTP, each thread's loop over
WebSockets. Here the server asks the model; the program only runs the tools."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from .amp_socket import AmpSocket
from .amp_thread import USER_ID, AmpThread
from .http import Request, Response, serve_connection
from .names import Names

_KEY = re.compile(r"rvt-key=([^&]+)")

_USER = {
    "id": USER_ID, "username": "scripted", "email": "scripted@example.com", "firstName": "Scripted",
    "lastName": "User", "emailVerified": True, "profilePictureUrl": None, "siteAdmin": False,
    "createdAt": "2026-01-01T00:00:00.000Z", "features": [], "team": None, "mysteriousMessage": None,
}  # fmt: skip


class AmpServer:
    """``threads`` holds every conversation by id; ``requests`` every HTTP request in the order of arrival."""

    def __init__(self, port: int, nursery: trio.Nursery) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.threads: dict[str, AmpThread] = {}
        self.requests: list[Request] = []
        self.refuses_keys = False
        self.names = Names()
        self._nursery = nursery

    def __repr__(self) -> str:
        return f"<AmpServer {self.url} threads={len(self.threads)}>"

    @property
    def thread(self) -> AmpThread:
        """The only thread."""
        (thread,) = self.threads.values()
        return thread

    def methods(self) -> list[str]:
        """What was called of the internal API."""
        return [request.path.partition("?")[2] for request in self.requests if "/api/internal" in request.path]

    async def serve(self, stream: trio.SocketStream) -> None:
        await serve_connection(stream, self.handle, self.upgrade)

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if self.refuses_keys:
            return Response.of_json(401, {"error": "unauthorized"})
        if request.path.startswith("/api/internal"):
            return self._internal(_body(request))
        if request.path.startswith("/api/thread-actors"):
            return self._open(_body(request))
        return Response.of_json(200, {"ok": True})

    async def upgrade(self, request: Request, stream: trio.SocketStream, received: bytes) -> None:
        """One WebSocket, until the program goes. It opens two: one runs tools, one looks on."""
        found = _KEY.search(request.path)
        assert found is not None, request.path
        thread, socket = self.threads[found[1]], AmpSocket(stream, request)
        thread.join(socket)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(socket.write)
            try:
                async for message in socket.messages(received):
                    thread.handle(socket, message)
            finally:
                thread.leave(socket)
            nursery.cancel_scope.cancel()

    def _open(self, body: dict[str, Any]) -> Response:
        thread_id, mode = body.get("threadId"), body.get("agentMode") or "medium"
        if thread_id is not None and thread_id not in self.threads:
            return Response.of_json(404, {"error": "Thread not found"})
        if thread_id is None:
            thread_id = f"T-{len(self.threads) + 1:08x}-0000-4000-8000-000000000000"
            self.threads[thread_id] = AmpThread(thread_id, mode, self._nursery, self.names)
        facts = {"threadId": thread_id, "wsToken": "token", "usesDtw": True, "usesThreadActors": True}
        kind = {"executorType": body.get("executorType", "local-client"), "ownerUserId": USER_ID}
        return Response.of_json(200, {**facts, **kind, "threadVersion": 0, "agentMode": mode})

    def _internal(self, body: dict[str, Any]) -> Response:
        params = body.get("params") or {}
        match body.get("method"):
            case "getUserInfo":
                result: Any = _USER
            case "loadPlugins":
                result = []
            case "loadSkills":
                result = {"skills": [], "errors": []}
            case "getThread" | "getThreadTail":
                thread = self.threads.get(params.get("thread"))
                if thread is None:
                    error = {"code": "thread-not-found", "message": "Thread not found"}
                    return Response.of_json(200, {"ok": False, "error": error})
                tail = thread.messages[-params.get("limit", 200) :]
                result = {"thread": {"data": thread.data()}, "messages": tail, "hasMoreBefore": False}
            case _:
                result = {}
        return Response.of_json(200, {"ok": True, "result": result})


def _body(request: Request) -> dict[str, Any]:
    compressed = request.headers.get("content-encoding") == "gzip"
    body = gzip.decompress(request.body) if compressed else request.body
    return json.loads(body or b"{}")


@asynccontextmanager
async def amp_server() -> AsyncIterator[AmpServer]:
    """An Amp server on a free loopback port, gone at the end of the block whatever its clients do."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server = AmpServer(listener.socket.getsockname()[1], nursery)
        nursery.start_soon(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()
