"""Without a token, a web page is kept out by what its browser says about it."""

import pytest

from sandbox_agent.schema.problems import Problem
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.guard.host_names import AllowedHosts
from sandbox_agent.transport.guard.hosts import Hosts, is_same_origin

from ..api.test_problems import problem
from ..door import Door
from ..handshake import upgrade
from ..serving import serving


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
        ("::1", "[0:0:0:0:0:0:0:1]"),
        ("Box.Internal.", "box.internal"),
        ("127.0.0.1", "localhost.:2468"),
        ("127.0.0.1", "localhost:"),
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
        ("127.0.0.1", "::1"),
        ("127.0.0.1", "[127.0.0.1]"),
        ("127.0.0.1", "localhost:port"),
        ("127.0.0.1", "user@localhost"),
        ("127.0.0.1", "localhost/"),
        ("127.0.0.1", "localhost..example"),
        ("127.0.0.1", "localhost.."),
        ("127.0.0.1", "local host"),
    ],
)
def test_hosts_that_are_not(bound, host):
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


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("Box.Example.com", "box.example.COM"),
        ("box.example.com", "box.example.com:8443"),
        ("box.example.com", "box.example.com."),
        ("box.example.com.", "box.example.com"),
        ("*.example.com", "box.example.com"),
        ("*.example.com", "a.b.example.com:443"),
        ("10.1.2.3", "10.1.2.3:80"),
        ("[FD00::1]", "[fd00:0::1]:80"),
        ("fd00::1", "[fd00::1]"),
        ("xn--bcher-kva.example", "XN--BCHER-KVA.example"),
        ("*", "anything.at.all"),
        ("*", ""),
    ],
)
def test_a_name_that_was_allowed_matches_however_it_is_spelt(said: str, host: str) -> None:
    Hosts("0.0.0.0", Cors(), token_required=False, allowed=AllowedHosts.parse([said])).check_host(host)


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("example.com", "box.example.com"),
        ("example.com", "evilexample.com"),
        ("example.com", "example.com.evil.test"),
        ("*.example.com", "example.com"),
        ("*.example.com", "evilexample.com"),
        ("*.example.com", ".example.com"),
        ("*.example.com", "box.example.com.evil.test"),
        ("fd00::1", "[fd00::2]"),
    ],
)
def test_a_name_that_was_allowed_matches_nothing_else(said: str, host: str) -> None:
    hosts = Hosts("127.0.0.1", Cors(), token_required=False, allowed=AllowedHosts.parse([said]))
    with pytest.raises(Problem, match="permission denied"):
        hosts.check_host(host)
    hosts.check_host("localhost")


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("box.example.com:2468", "leave the port out"),
        ("[::1]:2468", "leave the port out"),
        ("https://box.example.com", "without a scheme"),
        (".example.com", "*.example.com"),
        ("b\u00fccher.example", "xn--"),
        ("*.1.2.3.4", "a name"),
        ("box.*.com", "a name"),
        ("a..b", "a name"),
        ("", "a name"),
        ("-box", "a name"),
        ("a" * 64, "a name"),
        ("a." * 130 + "a", "a name"),
    ],
)
def test_what_no_host_header_can_match_is_refused_at_the_start(said: str, advice: str) -> None:
    with pytest.raises(ValueError, match="--allow-host") as refused:
        AllowedHosts.parse(["good.example", said])
    assert advice in str(refused.value)


async def test_the_refusal_of_an_unknown_host_says_what_would_be_right() -> None:
    async with serving(Door()) as served, served.client() as client:
        message = problem(await client.get("/v1/agents", headers={"Host": "Box.example"}), 403, "permission_denied")
        assert "use a token, or --allow-host box.example" in message["details"]["message"]
        message = problem(await client.get("/v1/agents", headers={"Host": "a/b"}), 403, "permission_denied")
        assert "use a token, or --allow-host NAME" in message["details"]["message"]


async def test_a_host_that_was_allowed_is_served_without_a_token_also_over_a_websocket() -> None:
    door = Door()
    door.session("s")
    allowed = AllowedHosts.parse(["box.example"])
    async with serving(door, allowed_hosts=allowed) as served, served.client() as client:
        ours = {"Host": "box.example"}
        assert (await client.get("/v1/sessions", headers=ours)).status_code == 200
        assert (await client.post("/v1/sessions/s/terminate", headers=ours)).status_code == 204
        problem(await client.get("/v1/sessions", headers={"Host": "evil.example"}), 403, "permission_denied")
        assert await upgrade(served, "box.example") == 101
        assert await upgrade(served, "evil.example") == 403


async def test_beside_a_token_the_hosts_that_were_named_are_the_only_ones() -> None:
    allowed = AllowedHosts.parse(["box.example"])
    async with serving(Door(), token="t", allowed_hosts=allowed) as served, served.client("t") as client:
        assert (await client.get("/v1/sessions", headers={"Host": "box.example"})).status_code == 200
        refused = problem(await client.get("/v1/sessions", headers={"Host": "x.example"}), 403, "permission_denied")
        assert "--allow-host x.example" in refused["details"]["message"]
        assert "token" not in refused["details"]["message"]


async def test_health_is_told_at_every_host_and_nothing_else_is() -> None:
    async with serving(Door()) as served, served.client() as client:
        for host in ("lb.internal", "10.0.0.1", "a/b"):
            at = {"Host": host, "Origin": "https://evil.example"}
            assert (await client.get("/v1/health", headers=at)).status_code == 200
            assert (await client.head("/v1/health", headers=at)).status_code == 200
            for method, path in (("POST", "/v1/health"), ("GET", "/"), ("GET", "/metrics"), ("OPTIONS", "/v1/health")):
                problem(await client.request(method, path, headers=at), 403, "permission_denied")


async def test_what_a_proxy_says_of_the_host_is_not_believed() -> None:
    claims = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost", "X-Forwarded-Prefix": "/v1"}
    async with serving(Door()) as served, served.client() as client:
        problem(await client.get("/v1/sessions", headers={"Host": "evil.example"} | claims), 403, "permission_denied")
        claims["X-Forwarded-Host"] = "evil.example"
        assert (await client.get("/v1/sessions", headers=claims)).status_code == 200
        problem(await client.get("/sessions", headers=claims), 404, "not_found")


async def test_an_allowed_host_makes_no_page_a_friend() -> None:
    """A page of another port, or of a sibling below the same domain, is a stranger's: an agent's own web server is."""
    door = Door()
    door.session("s")
    async with serving(door, allowed_hosts=AllowedHosts.parse(["*.example"])) as served, served.client() as client:
        path = "/v1/sessions/s/terminate"
        for origin in ("https://other.example", "https://box.example:3000", "https://box.example", "null"):
            at = {"Host": "box.example:8443", "Origin": origin}
            problem(await client.post(path, headers=at), 403, "permission_denied")
            assert await upgrade(served, "box.example:8443", origin) == 403
        assert door.calls == []
        at = {"Host": "box.example:8443", "Origin": "https://box.example:8443"}
        assert (await client.post(path, headers=at)).status_code == 204


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://box.example", "box.example", True),
        ("https://Box.example", "box.example:443", True),
        ("http://box.example:80", "box.example", True),
        ("http://[::1]:2468", "[::1]:2468", True),
        ("https://box.example", "box.example:80", False),
        ("https://box.example:8443", "box.example", False),
        ("null", "null", False),
        ("box.example", "box.example", False),
        ("https://box.example/", "box.example", False),
        ("https://a@box.example", "box.example", False),
    ],
)
def test_an_origin_is_the_same_when_scheme_name_and_port_are(origin: str, host: str, same: bool) -> None:
    assert is_same_origin(origin, host) is same
