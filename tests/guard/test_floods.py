"""Floods: too many requests or connections of one token, or of one address, are told so and cost nobody else."""

from contextlib import AsyncExitStack

import pytest
import trio

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.http.admission import Admission

from ..transport.api.test_problems import problem
from ..transport.api.test_websocket import peer
from ..transport.door import Door
from ..transport.http.test_admission import Fake, admitted
from ..transport.reading import sse
from ..transport.serving import serving
from .world import OWN, bearer, world

SLOW = 1e-6
"""Requests per second: none, as far as a test can tell."""


async def test_a_token_that_floods_is_told_when_to_come_back_and_the_others_are_served():
    async with world(Settings(token_requests=SLOW, token_request_burst=5)) as w:
        async with w.client(await w.token("read")) as client, w.client(await w.token("read")) as other:
            codes = [(await client.get("/v1/sessions")).status_code for _ in range(10)]
            assert codes == [200] * 5 + [429] * 5
            refused = await client.get("/v1/sessions")
            assert "token 't1'" in problem(refused, 429, "too_many_requests")["detail"]
            assert int(refused.headers["retry-after"]) >= 1
            assert (await other.get("/v1/sessions")).status_code == 200
        async with w.client() as own:
            assert (await own.get("/v1/sessions")).status_code == 200


async def test_the_commands_of_a_websocket_count_too():
    async with world(Settings(token_requests=SLOW, token_request_burst=4)) as w:
        token = await w.token("admin")
        async with peer(w.served, headers=bearer(token).items()) as socket:
            said = [await socket.ask(id=str(number), type="interrupt") for number in range(6)]
            assert [frame["type"] for frame in said] == ["ack"] * 3 + ["error"] * 3
            assert said[-1]["problem"]["status"] == 429
            assert said[-1]["problem"]["retryAfter"] >= 1
        assert len(w.door.calls) == 3


async def test_who_shows_no_token_floods_its_address_and_not_who_shows_one_nor_health():
    async with world(Settings(address_requests=SLOW, address_request_burst=3)) as w:
        async with w.client(None) as client:
            codes = [(await client.get(path)).status_code for path in ("/", "/openapi.json", "/v1/sessions")]
            assert codes == [200, 200, 401]
            for path in ("/", "/v1/sessions", "/v1/nothing"):
                problem(await client.get(path), 429, "too_many_requests")
            for _ in range(10):
                assert (await client.get("/v1/health")).status_code == 200
        async with w.client() as own:
            for path, code in (("/v1/sessions", 200), ("/", 200), ("/v1/nothing", 404)):
                assert (await own.get(path)).status_code == code
        async with peer(w.served, headers=bearer(OWN).items()) as socket:
            assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"


async def test_without_tokens_an_address_has_the_bound_of_a_token():
    door = Door(Settings(token_requests=SLOW, token_request_burst=3, address_requests=SLOW, address_request_burst=1))
    async with serving(door) as served, served.client() as client:
        codes = [(await client.get("/v1/sessions")).status_code for _ in range(5)]
        assert codes == [200] * 3 + [429] * 2


async def test_zero_is_no_bound():
    settings = Settings(token_requests=0, token_request_burst=0, address_requests=0, address_request_burst=0)
    async with world(settings) as w, w.client() as own, w.client(None) as nobody:
        for _ in range(50):
            assert (await own.get("/v1/sessions")).status_code == 200
            assert (await nobody.get("/")).status_code == 200


@pytest.mark.parametrize("name", ["token_request_burst", "address_request_burst"])
def test_a_burst_that_nothing_fits_in_is_refused_at_the_start(name: str):
    with pytest.raises(ValueError, match=name):
        Settings(**{name: 0})


async def test_the_open_streams_of_a_token_are_bounded_and_those_of_others_are_not():
    async with world(Settings(max_connections_per_token=3)) as w:
        token = await w.token("read")
        async with AsyncExitStack() as keep:
            for _ in range(3):
                await keep.enter_async_context(sse(w.served, "/v1/sessions/s/events/sse", headers=bearer(token)))
            async with w.client(token) as client, w.client() as own:
                refused = problem(await client.get("/v1/sessions"), 429, "too_many_connections")
                assert "'t1'" in refused["detail"]
                assert (await own.get("/v1/sessions")).status_code == 200
            async with peer(w.served) as socket:
                await socket.send(type="auth", token=token)
                assert await socket.closed() == 4429
        async with w.client(token) as client:
            while (await client.get("/v1/sessions")).status_code == 429:  # until their ends were noticed
                await trio.sleep(0.01)


def test_a_token_that_has_all_its_connections_gets_one_more_by_losing_one_that_rests():
    admission = Admission(100, 100, 2)
    busy, idle, third, fourth = admitted(admission, 4)
    for fake in (busy, idle):
        assert admission.trust(fake, "t")
        admission.rest(fake, idle=fake is idle)
    assert admission.trust(third, "t")
    assert (busy.was_cut, idle.was_cut) == (False, True)
    assert not admission.trust(fourth, "t")
    assert admission.trust(fourth, "u")
    admission.leave(third)
    assert admission.trust(fourth, "t"), "a connection counts as that of the token that it showed last"


def test_connections_that_leave_leave_nothing_behind():
    admission = Admission(100, 100, 50)
    for number in range(200):
        (fake,) = admitted(admission, 1)
        assert admission.trust(fake, f"t{number}")
        admission.leave(fake)
    assert isinstance(fake, Fake)
    assert len(admission) == 0
    assert "0 of 100" in repr(admission)
    assert not admission._by_token
