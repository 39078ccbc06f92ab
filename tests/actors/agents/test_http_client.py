"""The HTTP port against a server that misbehaves in every way that an agent's may."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
from attrs import define, field

from sandbox_agent.actors.agents.http_client import CALLS_WAITING, HttpClient, HttpQueueFull
from sandbox_agent.actors.processes.line_splitter import OversizedLine
from sandbox_agent.schema.agents.dialect import HttpResponse
from sandbox_agent.schema.agents.effects import CallHttp, Reach
from sandbox_agent.schema.settings import Settings

from ...models.http import Request, Response, serve_connection
from ...patience import PATIENCE

PASSWORD = "a-very-secret-password"
TIME_LIMIT = PATIENCE  # seconds


@define
class Heard:
    """A listener that keeps what it is told. While it is ``busy`` it takes nothing more."""

    told: list[object] = field(factory=list)
    busy: trio.Event | None = None
    _news: trio.Event = field(factory=trio.Event)

    async def responded(self, call_id: str, response: HttpResponse) -> None:
        await self._tell((call_id, response))

    async def stream_opened(self) -> None:
        await self._tell("opened")

    async def streamed(self, payloads: list[bytes | OversizedLine]) -> None:
        for payload in payloads:
            await self._tell(payload)
        if self.busy is not None:
            await self.busy.wait()

    async def _tell(self, news: object) -> None:
        self.told.append(news)
        self._news.set()
        self._news = trio.Event()

    async def until(self, count: int) -> list[object]:
        while len(self.told) < count:
            await self._news.wait()
        return self.told


@define
class Agent:
    """A server that answers as the test says."""

    port: HttpClient
    heard: Heard
    requests: list[Request]

    async def ask(self, path: str, body: bytes | None = None) -> HttpResponse:
        self.port.call(CallHttp("c", "POST" if body else "GET", path, body))
        call_id, response = (await self.heard.until(len(self.heard.told) + 1))[-1]  # type: ignore[misc]
        assert call_id == "c"
        return response


@asynccontextmanager
async def agent(answer: Callable[[Request], Response], **settings: float) -> AsyncIterator[Agent]:
    requests: list[Request] = []

    def handle(request: Request) -> Response:
        requests.append(request)
        return answer(request)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    reach = Reach(f"http://127.0.0.1:{listener.socket.getsockname()[1]}", "user", PASSWORD)
    heard = Heard()
    port = HttpClient(reach, heard, Settings(**settings))  # type: ignore[arg-type]
    with trio.fail_after(TIME_LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, lambda stream: serve_connection(stream, handle), [listener])
            nursery.start_soon(port.run)
            yield Agent(port, heard, requests)
            nursery.cancel_scope.cancel()


def says(body: bytes, status: int = 200) -> Callable[[Request], Response]:
    return lambda _: Response(status, {}, body)


def streaming(*lives: list[bytes]) -> Callable[[Request], Response]:
    """Each life of the stream brings these chunks; the last one then stays open, the others end."""
    remaining = list(lives)

    def answer(_: Request) -> Response:
        chunks = remaining.pop(0)
        last = not remaining

        async def body():  # type: ignore[no-untyped-def]
            for chunk in chunks:
                yield chunk
            if last:
                await trio.sleep_forever()

        return Response(200, {"content-type": "text/event-stream"}, body())

    return answer


async def test_calls_are_answered_in_order_with_the_password_in_no_url():
    async with agent(lambda request: Response(200, {}, request.path.encode())) as server:
        for number in range(20):
            server.port.call(CallHttp(str(number), "POST", f"/{number}", b'{"n":1}'))
        told = await server.heard.until(20)
        assert told == [(str(n), HttpResponse(200, f"/{n}".encode())) for n in range(20)]
        assert {request.headers["authorization"] for request in server.requests} == {
            "Basic dXNlcjphLXZlcnktc2VjcmV0LXBhc3N3b3Jk"
        }
        assert {request.headers["content-type"] for request in server.requests} == {"application/json"}
        assert server.requests[0].body == b'{"n":1}'
        assert PASSWORD not in repr(server.port)
        assert "answered=20 waiting=0 streams=0" in repr(server.port)


async def test_an_error_is_an_answer_too():
    async with agent(says(b"no such thing", 404)) as server:
        response = await server.ask("/x")
        assert (response.status, response.body, response.ok) == (404, b"no such thing", False)


async def test_an_answer_that_does_not_come_is_told_with_the_reason_and_the_next_call_is_made():
    async def never():  # type: ignore[no-untyped-def]
        await trio.sleep_forever()
        yield b""

    def answer(request: Request) -> Response:
        return Response(200, {}, never() if request.path == "/hang" else b"ok")

    async with agent(answer, agent_call_timeout=2.0) as server:
        assert await server.ask("/hang") == HttpResponse(0, reason="no answer within 2 s")
        assert await server.ask("/other") == HttpResponse(200, b"ok")


async def test_a_call_aside_holds_nobody_up_and_may_take_longer_than_others():
    late = trio.Event()

    async def when_it_is_time():  # type: ignore[no-untyped-def]
        await late.wait()
        yield b"at last"

    async def never():  # type: ignore[no-untyped-def]
        await trio.sleep_forever()
        yield b""

    def answer(request: Request) -> Response:
        return Response(200, {}, {"/long": when_it_is_time, "/hang": never}[request.path]())

    async with agent(answer, agent_call_timeout=0.5) as server:
        server.port.call(CallHttp("aside", "POST", "/long", b"{}", aside=True))
        assert await server.ask("/hang") == HttpResponse(0, reason="no answer within 0.5 s")
        late.set()
        assert (await server.heard.until(2))[-1] == ("aside", HttpResponse(200, b"at last"))


async def test_what_was_made_aside_has_been_done_also_when_its_answer_is_too_long():
    async with agent(says(b"x" * 1001), max_agent_answer_bytes=1000) as server:
        server.port.call(CallHttp("aside", "POST", "/long", b"{}", aside=True))
        ((_, response),) = await server.heard.until(1)  # type: ignore[misc]
        assert (response.status, response.body) == (200, b"")


async def test_an_answer_that_is_too_long_is_not_taken_in():
    async with agent(says(b"x" * 1001), max_agent_answer_bytes=1000) as server:
        assert await server.ask("/x") == HttpResponse(0, reason="the answer is longer than 1000 bytes")


async def test_a_server_that_is_gone_or_talks_nonsense_raises_nothing():
    async def nonsense(stream: trio.SocketStream) -> None:
        await stream.send_all(b"this is no HTTP\r\n\r\n")
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    heard = Heard()
    port = HttpClient(Reach(url, "u", "p"), heard, Settings())
    with trio.fail_after(TIME_LIMIT):
        async with trio.open_nursery() as nursery:
            serving = trio.CancelScope()

            async def serve() -> None:
                with serving:
                    await trio.serve_listeners(nonsense, [listener])

            nursery.start_soon(serve)
            nursery.start_soon(port.run)
            port.call(CallHttp("a", "GET", "/"))
            await heard.until(1)
            serving.cancel()
            await listener.aclose()
            port.call(CallHttp("b", "GET", "/"))
            await heard.until(2)
            nursery.cancel_scope.cancel()
    for _, response in heard.told:  # type: ignore[misc]
        assert response.status == 0
        assert response.reason


async def test_a_path_that_is_no_url_raises_nothing():
    async with agent(says(b"ok")) as server:
        response = await server.ask("/permission/\n\0/reply")
        assert (response.status, response.reason.split(":")[0]) == (0, "InvalidURL")
        assert (await server.ask("/x")).body == b"ok"


async def test_what_an_agent_says_over_http_is_parsed_as_it_is_secrets_too():
    stream = streaming([f"data: my {PASSWORD}\n\n".encode()])

    def answer(request: Request) -> Response:
        return stream(request) if request.path == "/event" else Response(200, {}, f"it is {PASSWORD}".encode())

    async with agent(answer) as server:
        assert (await server.ask("/x")).body == f"it is {PASSWORD}".encode()
        server.port.follow("/event")
        assert (await server.heard.until(3))[1:] == ["opened", f"my {PASSWORD}".encode()]


async def test_events_are_told_as_they_come_however_they_are_cut():
    chunks = [b"data: on", b"e\n\nda", b"ta:two\r\n\r\n: a comment\n\nevent: x\nid: 3\ndata: three\n", b"\n"]
    async with agent(streaming(chunks)) as server:
        server.port.follow("/event")
        assert await server.heard.until(4) == ["opened", b"one", b"two", b"three"]


async def test_a_stream_that_ends_is_opened_again():
    async with agent(streaming([b"data: 1\n\n"], [], [b"data: 2\n\n"]), stream_backoff=0.01) as server:
        server.port.follow("/event")
        assert await server.heard.until(5) == ["opened", b"1", "opened", "opened", b"2"]


async def test_a_stream_that_falls_silent_is_opened_again():
    async def silent():  # type: ignore[no-untyped-def]
        yield b"data: heartbeat\n\n"
        await trio.sleep_forever()

    async with agent(lambda _: Response(200, {}, silent()), stream_silence=1.0, stream_backoff=0.01) as server:
        server.port.follow("/event")
        assert (await server.heard.until(4))[:4] == ["opened", b"heartbeat", "opened", b"heartbeat"]


async def test_a_stream_that_is_refused_is_tried_again_with_growing_pauses():
    times: list[float] = []

    def answer(_: Request) -> Response:
        times.append(trio.current_time())
        return Response(503, {}, b"")

    async with agent(answer, stream_backoff=0.01, stream_backoff_max=0.08) as server:
        server.port.follow("/event")
        while len(times) < 6:
            await trio.sleep(0.01)
        assert server.heard.told == []
    pauses = [after - before for before, after in pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.02, 0.04, 0.08, 0.08, 0.08), strict=False))


async def test_an_event_that_is_too_long_costs_bounded_memory_and_the_next_one_is_heard():
    async with agent(streaming([b"data: " + b"x" * 5000, b"x\n\ndata: next\n\n"]), max_line_bytes=1000) as server:
        server.port.follow("/event")
        _, oversized, after = await server.heard.until(3)
        assert isinstance(oversized, OversizedLine)
        assert oversized.length == 5007
        assert after == b"next"


async def test_a_listener_that_takes_its_time_stops_the_reading():
    sent = 0

    async def flood():  # type: ignore[no-untyped-def]
        nonlocal sent
        while True:
            yield b"data: " + b"x" * 50_000 + b"\n\n"
            sent += 1

    async with agent(lambda _: Response(200, {}, flood())) as server:
        server.heard.busy = trio.Event()
        server.port.follow("/event")
        await server.heard.until(2)
        while True:  # until the socket's buffers are full
            before = sent
            await trio.sleep(0.1)
            if sent == before:
                break
        assert len(server.heard.told) < 10
        server.heard.busy.set()
        server.heard.busy = None
        await server.heard.until(sent + 10)


async def test_calls_go_on_while_the_stream_is_not_taken_in():
    def answer(request: Request) -> Response:
        return streaming([b"data: 1\n\n"])(request) if request.path == "/event" else Response(200, {}, b"ok")

    async with agent(answer) as server:
        server.heard.busy = trio.Event()
        server.port.follow("/event")
        await server.heard.until(2)
        assert (await server.ask("/x")).body == b"ok"


async def test_only_loopback_is_reached():
    for url in ("http://192.0.2.1:1", "http://example.com"):
        with pytest.raises(ValueError, match="loopback only"):
            HttpClient(Reach(url, "u", "p"), Heard(), Settings())


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with agent(says(b"ok")) as server:
        assert (await server.ask("/x")).body == b"ok"


async def test_calls_that_nobody_answers_are_bounded():
    port = HttpClient(Reach("http://127.0.0.1:1", "u", "p"), Heard(), Settings())
    for number in range(CALLS_WAITING):
        port.call(CallHttp(str(number), "GET", "/"))
    with pytest.raises(HttpQueueFull):
        port.call(CallHttp("one too many", "GET", "/"))
