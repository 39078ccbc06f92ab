"""Brute force: whoever tries tokens is slowed down, bounded and logged; who has a right one does not notice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.buckets import Buckets
from sandbox_agent.transport.guard.failed_logins import LINES_AT_ONCE, FailedLogins

from ..transport.api.test_problems import problem
from ..transport.api.test_websocket import peer
from .world import OWN, bearer, world

FEW = Settings(failed_logins=3)
WRONG = "wrong-wrong-wrong"


async def test_after_some_wrong_tokens_an_address_is_told_to_wait():
    async with world(FEW) as w, w.client(WRONG) as client:
        for _ in range(3):
            problem(await client.get("/v1/sessions"), 401, "token_invalid")
        slow = await client.get("/v1/sessions")
        problem(slow, 429, "too_many_failures")
        assert 1 <= int(slow.headers["retry-after"]) <= 60


@pytest.mark.parametrize("form", ["bearer", "basic", "frame", "created"])
async def test_a_right_token_of_the_same_address_is_let_in_all_the_same(form: str):
    async with world(FEW) as w:
        right = await w.token("admin") if form == "created" else OWN
        async with w.client(WRONG) as attacker:
            for _ in range(50):
                await attacker.get("/v1/sessions")
            assert (await attacker.get("/v1/sessions")).status_code == 429
        if form == "frame":
            async with peer(w.served) as socket:
                assert (await socket.ask(type="auth", token=right, id="a"))["type"] == "ack"
            return
        async with w.client(None) as client:
            headers, auth = ({}, ("x", right)) if form == "basic" else (bearer(right), None)
            assert (await client.get("/v1/sessions", headers=headers, auth=auth)).status_code == 200


async def test_every_way_to_show_a_token_counts_also_where_none_is_needed():
    async with world(Settings(failed_logins=4)) as w, w.client(WRONG) as client:
        assert (await client.get("/v1/sessions")).status_code == 401
        assert (await client.get("/openapi.json")).status_code == 200
        assert (await client.get("/v1/nothing")).status_code == 404
        async with peer(w.served) as socket:
            await socket.send(type="auth", token=WRONG)
            assert await socket.closed() == 4401
        assert (await client.get("/v1/sessions")).status_code == 429
        async with w.client(None) as nobody:
            assert (await nobody.get("/v1/sessions/s/events?ticket=sak_x")).status_code == 429
            assert (await nobody.get("/v1/sessions")).status_code == 401, "who shows nothing guesses nothing"
        async with peer(w.served) as socket:
            await socket.send(type="auth", token=WRONG)
            assert (await socket.read())["problem"]["status"] == 429


async def test_wrong_tokens_are_logged_with_their_address_and_not_with_themselves(capfd):
    async with world() as w, w.client(WRONG) as client:
        for _ in range(40):
            await client.get("/v1/sessions")
    lines = [line for line in "".join(capfd.readouterr()).splitlines() if "a wrong token was shown" in line]
    assert len(lines) == 1
    assert "address=127.0.0.1" in lines[0]
    assert WRONG not in "".join(lines)


async def test_the_log_is_bounded_whoever_comes_from_many_addresses(capfd, autojump_clock):
    logins = FailedLogins(3)
    for number in range(1000):
        logins.note(f"10.0.{number // 256}.{number % 256}", "header")
    lines = [line for line in "".join(capfd.readouterr()).splitlines() if "a wrong token was shown" in line]
    assert len(lines) == LINES_AT_ONCE


async def test_a_network_of_ipv6_is_one_address(autojump_clock):
    logins = FailedLogins(3)
    said = [logins.note(f"2001:db8:0:1:{number:x}::1", "header").status for number in range(5)]
    assert said == [401, 401, 401, 429, 429]
    assert logins.note("2001:db8:0:2::1", "header").status == 401


async def test_an_address_may_try_again_later(autojump_clock):
    import trio

    logins = FailedLogins(3)
    for _ in range(10):
        last = logins.note("192.0.2.1", "header")
    assert last.status == 429
    await trio.sleep(int(last.headers["Retry-After"]))
    assert logins.note("192.0.2.1", "header").status == 401
    assert logins.note("192.0.2.1", "header").status == 429


async def test_the_table_of_addresses_does_not_grow(autojump_clock):
    logins = FailedLogins(3)
    for number in range(20_000):
        logins.note(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1", "header")
    assert len(logins) <= 4096


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 3)), max_size=100))
def test_a_bucket_gives_no_more_than_its_burst_and_its_rate(asked: list[tuple[str, float]]):
    buckets, now, given_ = Buckets(2.0, 5, most=100), 0.0, dict[str, int]()
    for name, pause in asked:
        now += pause
        wait = buckets.take(name, now)
        assert wait >= 0
        given_[name] = given_.get(name, 0) + (not wait)
        assert given_[name] <= 5 + 2.0 * now + 1e-6
        if wait:
            assert wait <= 0.5 + 1e-6


def test_a_table_of_buckets_keeps_those_that_were_heard_of_last():
    buckets = Buckets(1.0, 1, most=3)
    for name in "abc":
        assert not buckets.take(name, 0.0)
    assert buckets.take("a", 0.0)
    assert not buckets.take("d", 0.0)
    assert len(buckets) == 3
    assert buckets.take("a", 0.0), "the one that keeps coming is not forgotten"
