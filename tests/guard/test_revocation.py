"""Revocation and expiry: a token that holds no more opens nothing, and what is open on its behalf ends and says why."""

import pytest
import trio

from ..transport.api.test_problems import problem
from ..transport.api.test_websocket import peer
from ..transport.reading import sse
from .world import OWN, World, bearer, world

SSE = "/v1/sessions/s/events/sse"


async def revoke(w: World, name: str = "t1") -> None:
    async with w.client() as client:
        assert (await client.delete(f"/v1/tokens/{name}")).status_code == 204


def expire(w: World) -> None:
    """Set the clock to a time at which every token has expired."""
    w.door.clock.now_ns = lambda: 1 << 62  # type: ignore[method-assign]


async def test_a_revoked_token_is_refused_at_once_in_every_form():
    async with world() as w:
        token = await w.token("admin")
        async with w.client(token) as client:
            assert (await client.get("/v1/sessions")).status_code == 200
            await revoke(w)
            problem(await client.get("/v1/sessions"), 401, "token_invalid")
        async with w.client(None) as client:
            for headers in ({"Authorization": f"Token {token}"}, None):
                answer = await client.get("/v1/sessions", headers=headers, auth=None if headers else ("x", token))
                assert answer.status_code == 401
        async with peer(w.served) as socket:
            await socket.send(type="auth", token=token)
            assert await socket.closed() == 4401


async def test_an_expired_token_is_refused():
    async with world() as w:
        token = await w.token("read", expires_in=60)
        async with w.client(token) as client, w.client() as operator:
            assert (await client.get("/v1/sessions")).status_code == 200
            assert [t["expired"] for t in (await operator.get("/v1/tokens")).json()["tokens"]] == [False]
            expire(w)
            problem(await client.get("/v1/sessions"), 401, "token_invalid")
            assert [t["expired"] for t in (await operator.get("/v1/tokens")).json()["tokens"]] == [True]


@pytest.mark.parametrize(("how", "reason"), [(revoke, "token_revoked"), (expire, "token_expired")])
@pytest.mark.parametrize("path", [SSE, "/v1/events/sse", "/v1/sessions/s/messages/stream"])
async def test_an_open_stream_ends_with_a_frame_that_says_why(how, reason: str, path: str):
    async with world() as w:
        token = await w.token("read", "prompt", expires_in=3600)
        turn = path.endswith("stream")
        body, method = ({"message": "hi"}, "POST") if turn else (None, "GET")
        async with sse(w.served, path, method=method, headers=bearer(token), body=body) as source:
            w.door.sessions["s"].turn_started("turn_1")
            assert (await source.take(1))[0].data["type"] == "turn.started"
            await _do(how, w)
            *_, last = [frame for frame in await source.rest() if frame.data is not None]
            assert (last.data["type"], last.data["reason"]) == ("stream.ended", reason)
            assert last.id is not None  # from which another token goes on
            w.door.sessions["s"].delta("unseen")


@pytest.mark.parametrize(("how", "reason"), [(revoke, "token_revoked"), (expire, "token_expired")])
async def test_a_stream_that_is_busy_ends_too(how, reason: str):
    async with world() as w:
        token = await w.token("read", expires_in=3600)
        async with sse(w.served, SSE, headers=bearer(token)) as source, trio.open_nursery() as nursery:

            async def talk() -> None:
                while True:
                    w.door.sessions["s"].delta("x" * 1000, count=10)
                    await trio.sleep(0)

            nursery.start_soon(talk)
            await source.take(10)
            await _do(how, w)
            last = (await source.rest())[-1]
            assert last.data["reason"] == reason
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("how", "reason"), [(revoke, "token_revoked"), (expire, "token_expired")])
async def test_an_open_websocket_says_why_and_is_closed_and_takes_no_command(how, reason: str):
    async with world() as w:
        token = await w.token("admin", expires_in=3600)
        async with peer(w.served, headers=bearer(token).items()) as socket:
            assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"
            calls = list(w.door.calls)
            await _do(how, w)
            assert (await socket.read())["reason"] == reason
            assert await socket.closed() == 4401
            assert w.door.calls == calls


async def test_a_command_right_after_the_revocation_is_refused_before_the_stream_has_heard_of_it():
    async with world() as w:
        token = await w.token("admin")
        async with peer(w.served, headers=bearer(token).items()) as socket:
            assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"
            grant = w.door.tokens.find(token.encode())
            assert grant is not None
            grant.revoked = True
            refused = await socket.ask(id="2", type="terminate")
            assert refused["problem"]["status"] == 401
        assert ("terminate", "s") not in w.door.calls


async def test_a_stream_that_a_ticket_opened_ends_with_its_token():
    async with world() as w:
        token = await w.token("read")
        async with w.client(token) as client:
            ticket = (await client.post("/v1/tickets", json={"path": SSE})).json()["ticket"]
        async with sse(w.served, f"{SSE}?ticket={ticket}") as source:
            w.door.sessions["s"].delta()
            await source.take(1)
            await revoke(w)
            assert (await source.rest())[-1].data["type"] == "stream.ended"


async def test_the_streams_of_other_tokens_do_not_notice():
    async with world() as w:
        gone, stays = await w.token("read"), await w.token("read", expires_in=3600)
        async with (
            sse(w.served, SSE, headers=bearer(gone)) as first,
            sse(w.served, SSE, headers=bearer(stays)) as second,
            sse(w.served, SSE, headers=bearer(OWN)) as own,
        ):
            w.door.sessions["s"].delta()
            for source in (first, second, own):
                await source.take(1)
            await revoke(w)
            await first.rest()
            w.door.sessions["s"].delta("still here")
            for source in (second, own):
                assert (await source.take(1))[0].data["data"]["delta"] == "still here"


async def test_a_token_is_exchanged_without_a_restart():
    async with world() as w, w.client() as operator:
        made = [await operator.post("/v1/tokens", json={"name": name, "scopes": ["read"]}) for name in ("a", "b")]
        old, new = (answer.json()["token"] for answer in made)
        async with w.client(new) as client:
            assert (await client.get("/v1/sessions")).status_code == 200
            await revoke(w, "a")
            assert (await client.get("/v1/sessions")).status_code == 200
        async with w.client(old) as client:
            assert (await client.get("/v1/sessions")).status_code == 401
        again = await operator.post("/v1/tokens", json={"name": "a", "scopes": ["read"]})
        assert again.json()["token"] not in (old, new)


async def _do(how, w: World) -> None:
    if (done := how(w)) is not None:
        await done
