"""What is streamed, byte by byte: h11, which does not see the chunks on our side, must understand them on the other."""

import h11
import trio

from ..door import Door
from ..serving import Served, serving

PATH = "/v1/sessions/s/events/sse"


class Client:
    """One connection, read by a strict parser of HTTP/1.1."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)

    async def get(self, path: str) -> None:
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        request = h11.Request(method="GET", target=path, headers=[("Host", "127.0.0.1")])
        await self._stream.send_all(self._http.send(request) + self._http.send(h11.EndOfMessage()))

    async def next(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(bytes(await self._stream.receive_some()))
        assert isinstance(event, h11.Event), event
        return event

    async def body(self) -> bytes:
        """All of an answer whose head was read."""
        parts: list[bytes] = []
        while isinstance(event := await self.next(), h11.Data):
            parts.append(bytes(event.data))
        assert isinstance(event, h11.EndOfMessage)
        return b"".join(parts)


async def spoken(served: Served, request: bytes) -> bytes:
    """Everything that is answered, until the server hangs up."""
    async with await served.connect() as stream:
        await stream.send_all(request)
        return b"".join([bytes(part) async for part in stream])


async def test_a_stream_is_chunked_and_ends_and_its_connection_takes_the_next_request():
    door = Door()
    script = door.session("s")
    script.delta("first")
    async with serving(door) as served, await served.connect() as stream:
        client = Client(stream)
        await client.get(PATH)
        head = await client.next()
        assert isinstance(head, h11.Response)
        assert (b"transfer-encoding", b"chunked") in list(head.headers)
        piece = await client.next()
        assert isinstance(piece, h11.Data)
        assert b"first" in piece.data
        script.delta("second")
        script.log.close()
        assert b"second" in await client.body()
        await client.get("/v1/health")
        head = await client.next()
        assert isinstance(head, h11.Response)
        assert head.status_code == 200
        assert b"status" in await client.body()


async def test_a_client_of_http_1_0_gets_the_same_stream_without_chunks():
    door = Door()
    script = door.session("s")
    script.delta("first")
    script.log.close()
    async with serving(door) as served:
        head, _, body = (await spoken(served, f"GET {PATH} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())).partition(
            b"\r\n\r\n"
        )
    assert b"chunked" not in head.lower()
    assert body.startswith(b"id: log1:1\ndata: {")
    assert body.endswith(b"}\n\n")


async def test_an_answer_of_known_length_is_not_chunked():
    async with serving(Door()) as served:
        answer = await spoken(served, b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head.lower()
    assert body.startswith(b"{")
