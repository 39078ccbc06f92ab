"""What was approved is what runs: no masking between an agent, the human and the agent."""

import attrs
import pytest

from .daemon import Event, Session, of_type, outcome, running_daemon
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


async def test_what_is_masked_for_the_human_runs_as_the_agent_wrote_it(sandbox: Sandbox):
    listed: list[Event] = []

    async def answer(session: Session, event: Event) -> None:
        listed.extend((await session.http.get("/v1/permissions")).json()["permissions"])
        await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply="once")

    async with running_daemon(with_secrets(sandbox)) as daemon:
        session = await daemon.session(sandbox, answer)
        turn = await session.turn(f"SCN_BASH touch ./{KEY}")
    (request,) = of_type(turn, "permission.requested")
    assert request["data"]["metadata"]["input"]["command"] == "touch ./[redacted]"
    assert request["data"]["metadata"]["redacted"] is True
    assert listed[0]["permission"]["metadata"] == request["data"]["metadata"]
    assert [path.name for path in sandbox.work.iterdir()] == [KEY]
    assert KEY not in str(session.events)
