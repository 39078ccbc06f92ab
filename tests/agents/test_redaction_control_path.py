"""What was approved is what runs: no masking between an agent, the human and the agent."""

import tempfile
from pathlib import Path

import attrs
import pytest

from ..models.amp import AmpServer
from .daemon import Event, Session, items, of_type, outcome, running_daemon
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

KEY = "q9X2vL7pT4mZ8rK1wB6n"
"""A value that nothing but its variable's name makes a secret."""


def with_secrets(sandbox: Sandbox) -> Sandbox:
    environment = sandbox.environment | {"POSTGRES_PASSWORD": "postgres", "BUILD_TOKEN": KEY}
    return attrs.evolve(sandbox, environment=environment)


async def test_a_password_that_is_a_word_changes_neither_what_is_shown_nor_what_is_deleted(sandbox: Sandbox):
    wanted = sandbox.work / "postgres-data"
    wanted.mkdir()
    others = [sandbox.work / f"{letter}-data" for letter in "redact"]  # what a glob of `[redacted]` would find
    for other in others:
        other.mkdir()
    async with running_daemon(with_secrets(sandbox)) as daemon:
        session = await daemon.session(sandbox)
        turn = await session.turn("SCN_BASH rm -rf ./postgres-data")
    (request,) = of_type(turn, "permission.requested")
    assert request["data"]["metadata"]["input"]["command"] == "rm -rf ./postgres-data"
    assert "redacted" not in request["data"]["metadata"]
    assert outcome(turn) == "completed"
    assert not wanted.exists()
    assert all(other.exists() for other in others)


class Human:
    """Allows once, and keeps what was listed when it was asked."""

    def __init__(self) -> None:
        self.listed: list[Event] = []

    async def __call__(self, session: Session, event: Event) -> None:
        self.listed += (await session.http.get("/v1/permissions")).json()["permissions"]
        await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply="once")


@pytest.mark.parametrize(
    ("agent", "script"),
    [("claude", "SCN_BASH"), ("opencode", "SCN_BASH"), ("codex", "SCN_ESCALATE"), ("amp", "SCN_BASH")],
)
async def test_what_is_masked_for_the_human_runs_as_the_agent_wrote_it(
    sandbox: Sandbox, amps: AmpServer, agent: str, script: str
):
    human = Human()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as outside:  # codex asks for what its sandbox does not let it
        async with running_daemon(with_secrets(sandbox)) as daemon:
            session = await daemon.session(sandbox, human, agent=agent)
            turn = await session.turn(f"{script} touch {outside}/{KEY}")
        request = of_type(turn, "permission.requested")[-1]  # opencode asks for the directory first
        assert "touch " in str(request["data"]["metadata"])
        assert "/[redacted]" in str(request["data"]["metadata"])
        assert request["data"]["metadata"]["redacted"] is True
        assert human.listed[-1]["permission"]["metadata"] == request["data"]["metadata"]
        assert [path.name for path in Path(outside).iterdir()] == [KEY]
        assert outcome(turn) == "completed"
    assert KEY not in str(session.events)


@pytest.mark.parametrize("agent", ["claude", "opencode", "codex"])
async def test_a_secret_that_a_model_streams_in_pieces_is_in_no_event(sandbox: Sandbox, agent: str):
    async with running_daemon(with_secrets(sandbox)) as daemon:
        session = await daemon.session(sandbox, agent=agent)
        turn = await session.turn(f"SCN_HELLO {KEY} {KEY}")
        url = f"/v1/sessions/{session.id}/events"
        stored = (await session.http.get(url, params={"include_raw": "true", "limit": "1000"})).text
    deltas = "".join(event["data"]["delta"] for event in of_type(turn, "item.delta"))
    assert deltas.count("[redacted]") >= 2
    assert "[redacted] [redacted]" in str(items(turn, "message")[-1])
    for size in (len(KEY), 8):
        assert KEY[:size] not in stored
        assert KEY[-size:] not in stored
