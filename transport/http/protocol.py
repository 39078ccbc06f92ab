"""HTTP/1.1 for one connection: hypercorn's, with our streams, problems for what is not HTTP, and no way into HTTP/2."""

from typing import Any, cast

import h11
import msgspec
import structlog

from .access_log import AccessLog
from .http2_refusal import refusal
from .hypercorn_internals import (
    STREAM_ID,
    Closed,
    Event,
    H11Connection,
    H11WSConnection,
    HypercornProtocol,
    RawData,
    Request,
    Response,
)
from .streams import HttpStream, SocketStream, answered, http_problem, last_answer
from .strict_head import fault_of_head, fault_of_lines

log = structlog.get_logger("sandbox_agent.transport")


class PatientConnection(H11Connection):
    """h11's, which lets the app say whether the body is wanted. Hypercorn would ask a client for it (100 Continue) as
    soon as the head is there, before anyone has looked at its token. ``fault`` is what was wrong with what came."""

    fault: str | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            if self.their_state is h11.IDLE and (fault := fault_of_lines(self.trailing_data[0])) is not None:
                self.fail()
                self.fault = fault
                raise h11.RemoteProtocolError(fault)
            return super().next_event()
        except h11.RemoteProtocolError as error:
            # Behind the colon h11 repeats what came, which may be a token.
            self.fault = self.fault or str(error).partition(":")[0]
            raise

    @property
    def they_are_waiting_for_100_continue(self) -> bool:
        return False


class Protocol(HypercornProtocol):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connection = PatientConnection(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)
        self._refused = False

    @property
    def request_is_complete(self) -> bool:
        """The client has nothing more to say. Of a WebSocket, and of another protocol, that is never known."""
        return not self._refused and self.connection.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    @property
    def head_has_begun(self) -> bool:
        """Something of the next request is there, but not yet its whole head."""
        return self.stream is None and bool(self.connection.trailing_data[0])

    async def want_body(self) -> None:
        """Ask for the body if the client waits to be asked."""
        if self._client_waits:
            headers = self.config.response_headers("h11")
            await self.send_message(h11.InformationalResponse(status_code=100, headers=headers))

    @property
    def _client_waits(self) -> bool:
        connection = self.connection
        return isinstance(connection, h11.Connection) and connection.client_is_waiting_for_100_continue

    @property
    def _body_is_due(self) -> bool:
        """The client has not yet sent all of its request."""
        return isinstance(self.connection, h11.Connection) and self.connection.their_state is h11.SEND_BODY

    @property
    def is_streaming(self) -> bool:
        return isinstance(self.stream, HttpStream) and self.stream.is_event_stream

    async def probe(self) -> None:
        """See :meth:`.HttpStream.probe`."""
        if isinstance(self.stream, HttpStream):
            await self.stream.probe()

    async def stream_send(self, event: Event) -> None:
        if isinstance(event, Response) and event.status_code >= 200 and self._body_is_due:
            # Nobody waits for the rest of it, so the connection ends with this answer. Untold, the client's next
            # request on it would be lost. One that was not asked for its body may send that or its next request.
            event = Response(event.stream_id, [*event.headers, (b"connection", b"close")], event.status_code)
        await super().stream_send(event)

    async def begin_request(self, request: h11.Request) -> None:
        if request.http_version not in (b"1.0", b"1.1"):
            await self._refuse_version(request)
            return
        if (fault := fault_of_head(request)) is not None:
            await self._refuse_head(fault)
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
                method=request.method.decode("ascii"),
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _refuse_version(self, request: h11.Request) -> None:
        self._refused = True
        log.info("another version of HTTP was refused", version=request.http_version.decode())
        problem = http_problem(505)
        body = msgspec.json.encode(problem.body())
        if frames := refusal(self.connection.trailing_data[0], problem.status, body, problem.detail):
            await cast("AccessLog", self.config.log).refused(problem.status, self.client)
            await self.send(RawData(frames))
        else:
            await self.send_failure(505)
        await self.send(Closed())

    async def _refuse_head(self, fault: str) -> None:
        self._refused = True
        await self.send_failure(400, fault)
        await self.send(Closed())

    async def send_failure(self, status: int, fault: str | None = None) -> None:
        if self.stream is None:
            await cast("AccessLog", self.config.log).refused(status, self.client)
        else:  # its line in the access log is written when it closes
            self.stream.response = answered(status)
        if fault is None and isinstance(self.connection, PatientConnection):
            fault = self.connection.fault
        headers, body = last_answer(http_problem(status, fault))
        headers += self.config.response_headers("h11")
        await self.send_message(h11.Response(status_code=status, headers=headers))
        await self.send_message(h11.Data(data=body))
        await self.send_message(h11.EndOfMessage())


def is_websocket(request: h11.Request) -> bool:
    wanted = {name: value.lower() for name, value in request.headers if name in (b"upgrade", b"connection")}
    tokens = [token.strip() for token in wanted.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and b"upgrade" in tokens and wanted.get(b"upgrade", b"").strip() == b"websocket"
