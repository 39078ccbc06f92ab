"""Tickets: what stands in a URL is good once, for one path, for a minute, and for no more than its token."""

import json

import pytest

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.tickets import Tickets

from ..transport.api.test_problems import problem
from ..transport.reading import sse
from .world import OWN, World, bearer, world

PATH = "/v1/sessions/s/events/sse"
PAGE = "/v1/sessions/s/events"


async def ticket(w: World, path: str = PAGE, token: str = OWN) -> str:
    async with w.client(token) as client:
        made = await client.post("/v1/tickets", json={"path": path})
        assert made.status_code == 200, made.text
        return made.json()["ticket"]


async def test_a_ticket_opens_a_stream_without_a_header():
    async with world() as w:
        w.door.sessions["s"].delta("hello")
        async with sse(w.served, f"{PATH}?offset=0&ticket={await ticket(w, PATH)}") as source:
            assert [frame.data["type"] for frame in await source.take(1)] == ["item.delta"]


async def test_a_ticket_is_good_once():
    async with world() as w, w.client(None) as client:
        url = f"{PAGE}?ticket={await ticket(w)}"
        assert (await client.get(url)).status_code == 200
        refused = problem(await client.get(url), 401, "token_invalid")
        assert "ask for a new one" in refused["details"]["message"]


async def test_many_that_use_one_ticket_at_once_are_served_once():
    import trio

    async with world() as w:
        url, codes = f"{PAGE}?ticket={await ticket(w)}", list[int]()

        async def use() -> None:
            async with w.client(None) as client:
                codes.append((await client.get(url)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(use)
        assert sorted(codes)[0] == 200
        assert sorted(codes)[1:] == [401] * 9


@pytest.mark.parametrize("elsewhere", ["/v1/sessions/t/events", PATH, "/v1/events/sse"])
async def test_a_ticket_for_one_path_opens_no_other_and_is_used_up_there(elsewhere: str):
    async with world(None, "s", "t") as w, w.client(None) as client:
        secret = await ticket(w)
        problem(await client.get(f"{elsewhere}?ticket={secret}"), 401, "token_invalid")
        problem(await client.get(f"{PAGE}?ticket={secret}"), 401, "token_invalid")


async def test_a_ticket_is_for_a_get_of_what_takes_one():
    async with world() as w, w.client(None) as client:
        secret = await ticket(w)
        for method, path in (
            ("HEAD", PAGE),
            ("GET", "/v1/sessions"),
            ("GET", "/v1/sessions/s"),
            ("GET", "/v1/tokens"),
            ("POST", "/v1/sessions/s/interrupt"),
            ("POST", "/v1/tickets"),
            ("DELETE", "/v1/sessions/s"),
        ):
            assert (await client.request(method, f"{path}?ticket={secret}")).status_code == 401, path
        assert w.door.calls == []
        assert (await client.get(f"{PAGE}?ticket={secret}")).status_code == 200


async def test_a_token_in_a_url_is_none():
    async with world() as w, w.client(None) as client:
        for name in ("ticket", "token", "access_token"):
            problem(await client.get(f"{PAGE}?{name}={OWN}"), 401, "token_invalid")


async def test_a_ticket_in_a_header_is_none():
    async with world() as w:
        secret = await ticket(w)
        async with w.client(secret) as client:
            problem(await client.get(PAGE), 401, "token_invalid")


async def test_a_ticket_expires(autojump_clock):
    now = [1_000_000]
    tickets, grant = _tickets(now, 60)
    first, until = tickets.make(grant, "/x")
    assert until == now[0] + 60_000
    now[0] += 59_999
    assert tickets.use(first, "/x") is grant
    second, _ = tickets.make(grant, "/x")
    now[0] += 60_000
    assert tickets.use(second, "/x") is None
    third, _ = tickets.make(grant, "/x")
    await _sleep(60)
    now[0] -= 1_000_000  # a clock that is set back gives it no more time
    assert tickets.use(third, "/x") is None


async def test_a_ticket_is_no_better_than_its_token():
    now = [0]
    tickets, grant = _tickets(now, 60)
    secret, _ = tickets.make(grant, "/x")
    grant.revoked = True
    assert tickets.use(secret, "/x") is None
    async with world() as w, w.client() as operator, w.client(None) as client:
        url = f"{PAGE}?ticket={await ticket(w, token=await w.token('read'))}"
        assert (await operator.delete("/v1/tokens/t1")).status_code == 204
        problem(await client.get(url), 401, "token_invalid")
        async with w.client(await w.token("prompt")) as other:
            problem(await other.post("/v1/tickets", json={"path": PAGE}), 403, "insufficient_scope")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/sessions", "none of them"),
        ("/v1/tokens", "none of them"),
        ("/v1/sessions/s/ws", "none of them"),
        (f"{PAGE}?offset=3", "path alone"),
        ("v1/sessions/s/events", "path of this API"),
        ("http://elsewhere.example/v1/events/sse", "path of this API"),
        ("/v1/sessions/%FF/events", "none of them"),
        ("/v1/sessions/\u00e9/events", "path of this API"),
    ],
)
async def test_a_ticket_for_what_takes_none_is_refused(path: str, says: str):
    async with world() as w, w.client() as client:
        refused = await client.post("/v1/tickets", json={"path": path})
        assert says in problem(refused, 400, "invalid_request")["detail"]


async def test_the_tickets_of_one_token_are_bounded_and_take_nobody_elses_place():
    async with world(Settings(max_tickets=3)) as w, w.client(await w.token("read")) as client:
        for _ in range(3):
            assert (await client.post("/v1/tickets", json={"path": PAGE})).status_code == 200
        full = await client.post("/v1/tickets", json={"path": PAGE})
        problem(full, 429, "too_many_tickets")
        assert full.headers["retry-after"]
        await ticket(w)


async def test_a_ticket_is_written_nowhere(capfd):
    async with world() as w, w.client(None) as client:
        secret = await ticket(w)
        assert (await client.get(f"{PAGE}?ticket={secret}")).status_code == 200
        again = await client.get(f"{PAGE}?ticket={secret}")
        wrong = await client.get(f"/v1/nothing?ticket={secret}")
        assert secret not in again.text + wrong.text
    out = "".join(capfd.readouterr())
    assert "/v1/sessions/s/events" in out
    assert secret not in out
    assert "ticket=" not in out


async def test_below_a_base_path_the_path_may_be_said_with_it_or_without():
    async with world(Settings(base_path="/agents")) as w, w.client(None) as client:
        for path in (PAGE, f"/agents{PAGE}"):
            secret = await ticket(w, path)
            assert (await client.get(f"{PAGE}?ticket={secret}")).status_code == 200


async def test_the_header_counts_where_both_are_shown_and_the_ticket_is_left():
    async with world() as w, w.client(None) as client:
        url = f"{PAGE}?ticket={await ticket(w)}"
        assert (await client.get(url, headers=bearer(OWN))).status_code == 200
        problem(await client.get(url, headers=bearer("wrong-wrong-wrong")), 401, "token_invalid")
        assert (await client.get(url)).status_code == 200


async def test_the_secret_of_a_ticket_is_random_and_said_once():
    async with world() as w:
        made = {await ticket(w) for _ in range(4)}
        assert len(made) == 4
        assert all(len(secret) >= 43 for secret in made)
        assert not any(secret in json.dumps([repr(w.door), repr(w.door.tokens)]) for secret in made)


def _tickets(now: list[int], lifetime: float):
    from sandbox_agent.actors.access.grant import Grant
    from sandbox_agent.actors.access.token_keeper import TokenKeeper
    from sandbox_agent.actors.kernel.clock import Clock

    class Set(Clock):
        def now_ns(self) -> int:
            return now[0] * 1_000_000

    return Tickets(lifetime, 10, TokenKeeper(None, Settings(), Set())), Grant("t", ("read",))


async def _sleep(seconds: float) -> None:
    import trio

    await trio.sleep(seconds)
