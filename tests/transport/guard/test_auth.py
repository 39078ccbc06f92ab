"""The token: every form that is accepted, and nothing else."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from sandbox_agent.actors.access.token_keeper import TokenKeeper
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.api.routes import ROUTES
from sandbox_agent.transport.guard.auth import Auth
from sandbox_agent.transport.guard.guard import Guard

from ..api.test_problems import problem
from ..door import Door
from ..serving import serving

TOKEN = "t~?>ö:1"  # its base64 differs in the two alphabets, it is not ASCII, and it has a colon
RAW = TOKEN.encode()


def guard() -> Guard:
    settings = Settings()
    return Guard(Auth(TOKEN), TokenKeeper(None, settings, Clock()), settings, ROUTES)


def wire(value: bytes) -> str:
    """A header as the server sees it."""
    return value.decode("latin-1")


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer " + RAW,
        b"bearer   " + RAW + b"  ",
        b"TOKEN " + RAW,
        b"Basic " + b64encode(b"user:" + RAW),
        b"basic " + b64encode(b":" + RAW),
        b"Basic " + b64encode(RAW),
        b"Basic " + urlsafe_b64encode(b"user:" + RAW).rstrip(b"="),
        b"Basic " + urlsafe_b64encode(RAW),
        b"Basic " + b64encode(RAW).rstrip(b"="),
    ],
)
async def test_accepted(header):
    assert guard().by_header(wire(header), "192.0.2.1").name == "default"


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        RAW,
        b"Bearer",
        b"Bearer " + RAW[:-1],
        b"Bearer " + RAW + b"x",
        b"Digest " + RAW,
        b"Basic " + RAW,
        b"Basic " + b64encode(RAW + b":x"),
        b"Basic !!!!",
        b"Basic " + b64encode(b"user:wrong"),
        b"Bearer " + b64encode(RAW),
    ],
)
async def test_refused(header):
    with pytest.raises(Problem) as refused:
        guard().by_nothing() if header is None else guard().by_header(wire(header), "192.0.2.1")
    assert refused.value.status == 401


def test_an_empty_token_would_let_everyone_in_and_is_refused():
    with pytest.raises(ValueError, match="empty"):
        Auth(" ")


def test_the_token_is_not_in_the_repr():
    assert "hunter2" not in repr(Auth("hunter2"))


async def test_what_needs_a_token_and_what_does_not():
    door = Door()
    door.session("s")
    async with serving(door, token="hunter2") as served, served.client() as client:
        for path in ("/", "/v1/health", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        for path in ("/v1/agents", "/v1/sessions", "/v1/sessions/s", "/v1/sessions/no", "/v1/sessions/s/events/sse"):
            refused = await client.get(path)
            body = problem(refused, 401, "token_invalid")
            assert body["details"] == {"message": "missing or invalid token"}
            assert refused.headers["www-authenticate"].startswith("Bearer")
        problem(await client.post("/v1/sessions/new", json={"agent": "mock"}), 401, "token_invalid")
        problem(await client.get("/v1/sessions?token=hunter2"), 401, "token_invalid")
        problem(await client.get("/v1/nothing"), 404, "not_found")
        assert door.calls == []
        assert (await client.get("/v1/sessions", auth=("anyone", "hunter2"))).status_code == 200
