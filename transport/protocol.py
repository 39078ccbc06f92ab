"""HTTP/1.1 for one connection: hypercorn's, with our streams, problems for what is not HTTP, and no way into HTTP/2."""

from typing import cast

import h11
from hypercorn.events import Closed
from hypercorn.protocol.events import Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection

from .access_log import AccessLog
from .streams import HttpStream, SocketStream, answered, http_problem, last_answer


class Protocol(H11Protocol):
    @property
    def request_is_complete(self) -> bool:
        """The client has nothing more to say. Of a WebSocket that is never known."""
        return self.connection.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    @property
    def head_has_begun(self) -> bool:
        """Something of the next request is there, but not yet its whole head."""
        return self.stream is None and bool(self.connection.trailing_data[0])

    async def want_body(self) -> None:
        """Ask for the body if the client waits to be asked."""
        if self.connection.they_are_waiting_for_100_continue:
            headers = self.config.response_headers("h11")
            await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=headers))

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn would turn to HTTP/2 here. RFC 9110 lets us answer a client that asks for it in HTTP/1.1."""

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version not in (b"1.0", b"1.1"):
            await self._send_error_response(400)
            await self.send(Closed())
            return
        stream = SocketStream if is_websocket(request) else HttpStream
        self.stream = stream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        if isinstance(self.stream, SocketStream) and isinstance(self.connection, h11.Connection):
            self.connection = H11WSConnection(self.connection)
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _send_error_response(self, status_code: int) -> None:
        if self.stream is None:
            await cast("AccessLog", self.config.log).refused(status_code)
        else:  # its line in the access log is written when it closes
            self.stream.response = answered(status_code)
        headers, body = last_answer(http_problem(status_code))
        headers += self.config.response_headers("h11")
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def is_websocket(request: h11.Request) -> bool:
    wanted = {name: value.lower() for name, value in request.headers if name in (b"upgrade", b"connection")}
    tokens = [token.strip() for token in wanted.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and b"upgrade" in tokens and wanted.get(b"upgrade", b"").strip() == b"websocket"
