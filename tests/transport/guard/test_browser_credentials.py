"""A web page whose browser knows the password, or that no token keeps out (CSRF, DNS rebinding)."""

from base64 import b64encode

import pytest

from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.guard.hosts import Hosts

from ..door import Door
from ..serving import serving

PAGE = "https://evil.example"
MESSAGE = {"message": "rm -rf /"}
PATH = "/v1/sessions/s/messages"
BASIC = "Basic " + b64encode(b"user:right-token").decode()


def door() -> Door:
    door = Door()
    door.session("s")
    return door


@pytest.mark.parametrize("origin", [PAGE, "null", "http://localhost", "http://[::1].evil.com"])
@pytest.mark.parametrize("spelt", [BASIC, BASIC.replace("Basic", "bASIC"), " " + BASIC])
async def test_a_password_that_the_browser_adds_does_not_serve_another_origins_page(origin: str, spelt: str):
    """``http://localhost`` is another port's page here."""
    inside = door()
    async with serving(inside, token="right-token") as served, served.client() as client:
        headers = {"Authorization": spelt.strip(), "Origin": origin}
        assert (await client.post(PATH, json=MESSAGE, headers=headers)).status_code == 403
    assert inside.calls == []


async def test_a_password_serves_its_own_page_an_allowed_one_and_who_is_no_browser():
    inside = door()
    async with serving(inside, token="right-token", cors=Cors(origins=(PAGE,))) as served, served.client() as client:
        for headers in ({}, {"Origin": served.url}, {"Origin": PAGE}):
            answer = await client.post(PATH, json=MESSAGE, headers={"Authorization": BASIC} | headers)
            assert answer.is_success, answer.text
    assert len(inside.calls) == 3


async def test_a_bearer_token_is_no_browsers_and_serves_every_page():
    """No browser adds it by itself: the page knows it."""
    inside = door()
    async with serving(inside, token="right-token") as served, served.client("right-token") as client:
        assert (await client.post(PATH, json=MESSAGE, headers={"Origin": PAGE})).is_success


@pytest.mark.parametrize("origin", ["*", "null"])
def test_no_token_and_an_origin_that_any_page_has_exclude_each_other(origin: str):
    with pytest.raises(ValueError, match="any web page"):
        Hosts("127.0.0.1", Cors(origins=(origin,)), token_required=False)
    Hosts("127.0.0.1", Cors(origins=(origin,)), token_required=True)


@pytest.mark.parametrize(
    "host",
    [
        "[::1].evil.com",
        "[::1]evil.com",
        "[::1]:2468.evil.com",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "localhost:2468@evil.com",
        "localhost,evil.com",
        "localhost evil.com",
        "[::1",
        "::1]",
        "localhost:port",
    ],
)
async def test_a_host_that_only_contains_ours_is_not_ours(host: str):
    async with serving(door()) as served, served.client() as client:
        assert (await client.get("/v1/sessions", headers={"Host": host})).status_code in (400, 403)
