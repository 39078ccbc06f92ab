"""CORS: granted by name, never by accident, and a combination that cannot work is refused at the start."""

import pytest

from sandbox_agent.transport.guard.cors import VARY, Cors

from ..door import Door
from ..serving import serving

PAGE = "https://app.example"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"origins": ("*",), "credentials": True}, "name the origins"),
        ({"credentials": True}, "no origin"),
        ({"origins": ("app.example",)}, "scheme://host"),
        ({"origins": ("https://app.example/",)}, "scheme://host"),
        ({"origins": ("https://a:x",)}, "scheme://host"),
        ({"origins": (PAGE,), "methods": ("GET POST",)}, "not a method"),
    ],
)
def test_a_combination_that_cannot_work_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Cors(**options)


async def test_without_origins_no_page_is_let_in_but_requests_are_served():
    async with serving(Door()) as served, served.client() as client:
        response = await client.get("/v1/health", headers={"Origin": PAGE})
        assert response.status_code == 200
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"] == VARY
        preflight = await client.options("/v1/sessions", headers=PREFLIGHT)
        assert (preflight.status_code, preflight.content) == (200, b"")
        assert not [name for name in preflight.headers if name.startswith("access-control")]


async def test_a_named_origin_and_no_other_also_on_errors_and_before_auth():
    cors = Cors(origins=(PAGE,), methods=("GET", "POST"), headers=("content-type", "authorization"))
    async with serving(Door(), token="t", cors=cors) as served, served.client() as client:
        preflight = await client.options("/v1/sessions", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert preflight.headers["access-control-allow-methods"] == "GET,POST"
        assert preflight.headers["access-control-allow-headers"] == "content-type,authorization"
        for path, status in (("/v1/sessions", 401), ("/v1/nothing", 404), ("/v1/health", 200)):
            response = await client.get(path, headers={"Origin": PAGE})
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == PAGE
            assert response.headers["vary"] == VARY
        other = await client.get("/v1/health", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_any_origin_may_send_a_token():
    async with serving(Door(), token="t", cors=Cors(origins=("*",))) as served, served.client() as client:
        preflight = await client.options("/v1/sessions", headers=PREFLIGHT)
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in preflight.headers


async def test_with_credentials_what_was_asked_for_is_granted_by_name():
    cors = Cors(origins=(PAGE,), credentials=True)
    async with serving(Door(), token="t", cors=cors) as served, served.client() as client:
        granted = (await client.options("/v1/sessions", headers=PREFLIGHT)).headers
        assert granted["access-control-allow-credentials"] == "true"
        assert granted["access-control-allow-origin"] == PAGE
        assert granted["access-control-allow-methods"] == "POST"
        assert granted["access-control-allow-headers"] == "authorization,content-type"
