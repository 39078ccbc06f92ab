"""Without a token, a web page is kept out by what its browser says about it."""

import pytest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.transport.cors import Cors
from sandbox_agent.transport.hosts import Hosts

from .door import Door
from .serving import serving
from .test_problems import problem


@pytest.mark.parametrize(
    ("bound", "host"),
    [
        ("127.0.0.1", "127.0.0.1:2468"),
        ("127.0.0.1", "LOCALHOST:1"),
        ("127.0.0.1", "127.9.9.9"),
        ("::1", "[::1]:2468"),
        ("[::1]", "[::1]"),
        ("box.internal", "box.internal:2468"),
        ("0.0.0.0", "10.1.2.3:2468"),
        ("::", "[fd00::1]:2468"),
    ],
)
def test_hosts_that_are_ours(bound, host):
    Hosts(bound, Cors(), token_required=False).check_host(host)


@pytest.mark.parametrize(
    ("bound", "host"),
    [
        ("127.0.0.1", "evil.example"),
        ("127.0.0.1", "localhost.evil.example:2468"),
        ("127.0.0.1", "127.0.0.1.evil.example"),
        ("127.0.0.1", "10.1.2.3"),
        ("127.0.0.1", ""),
        ("0.0.0.0", "evil.example"),
        ("127.0.0.1", "[::1"),
    ],
)
def test_hosts_that_are_not(bound, host):
    if host == "[::1":  # an unclosed bracket still names the loopback address, which is ours
        Hosts(bound, Cors(), token_required=False).check_host(host)
        return
    with pytest.raises(Problem) as refused:
        Hosts(bound, Cors(), token_required=False).check_host(host)
    assert refused.value.status == 403


async def test_a_rebound_name_is_refused_without_a_token_and_served_with_one():
    rebound = {"Host": "evil.example"}
    async with serving(Door()) as served, served.client() as client:
        body = problem(await client.get("/v1/sessions", headers=rebound), 403, "permission_denied")
        assert "evil.example" in body["details"]["message"]
    async with serving(Door(), token="t") as served, served.client("t") as client:
        assert (await client.get("/v1/sessions", headers=rebound)).status_code == 200


async def test_a_page_cannot_post_without_a_preflight():
    door = Door()
    door.session("s")
    async with serving(door) as served, served.client() as client:
        path = "/v1/sessions/s/terminate"
        problem(await client.post(path, headers={"Origin": "https://evil.example"}), 403, "permission_denied")
        problem(await client.post(path, headers={"Origin": "null"}), 403, "permission_denied")
        assert door.calls == []
        assert (await client.post(path, headers={"Origin": served.url})).status_code == 204
        assert (await client.post(path)).status_code == 204


async def test_a_strange_host_header_is_not_our_failure():
    async with serving(Door(), token="t") as served, served.client("t") as client:
        for host in ("x" * 300, "a..b", "%00", "[", "ö".encode().decode("latin-1")):
            response = await client.get("/v1/health", headers={b"Host": host.encode("latin-1")})
            assert response.status_code == 200, host
