"""Who decided is in the log: the client's token and its transport, over the whole way."""

from typing import Any

from ..serving import LIMIT
from .test_commands import S
from .test_real_daemon import environment, running
from .test_websocket import peer

__all__ = ["LIMIT", "environment"]

BY_TOKEN = {"kind": "token", "token": "default", "scope": "admin"}


async def resolved(client: Any, count: int) -> list[dict[str, Any]]:
    """``decided_by`` of what was resolved, in order."""
    events: list[dict[str, Any]] = []
    while len(found := [e for e in events if e["type"].endswith(".resolved")]) < count:
        events = (await client.get(f"{S}/events")).json()["events"]
    return [event["data"]["decided_by"] for event in found]


async def asking(client: Any, kind: str) -> None:
    """A session of the mock agent that waits for two answers."""
    await client.post(S, json={"agent": "mock"})
    await client.post(f"{S}/messages", json={"message": kind})
    while len((await client.get(f"/v1/{kind}s")).json()[f"{kind}s"]) < 2:
        pass


async def test_a_decision_names_the_token_and_the_transport(environment):
    async with running(environment, token="t") as (_, served), served.client("t") as client:
        await asking(client, "permission")
        await client.post(f"{S}/permissions/mock_1_permission/reply", json={"reply": "once"})
        async with peer(served) as socket:
            await socket.ask(type="auth", token="t")
            await socket.send(id="1", type="permission.reply", permissionId="mock_1_permission_denied", reply="reject")
            assert await resolved(client, 2) == [
                {**BY_TOKEN, "transport": "http"},
                {**BY_TOKEN, "transport": "websocket"},
            ]


async def test_an_answer_and_a_rejection_of_a_question_name_them_too(environment):
    async with running(environment, token="t") as (_, served), served.client("t") as client:
        await asking(client, "question")
        await client.post(f"{S}/questions/mock_1_question/reply", json={"answers": [["Blue"]]})
        await client.post(f"{S}/questions/mock_1_question_reject/reject")
        assert await resolved(client, 2) == [{**BY_TOKEN, "transport": "http"}] * 2


async def test_a_daemon_that_demands_no_token_says_so(environment):
    async with running(environment) as (_, served), served.client() as client:
        await asking(client, "permission")
        await client.post(f"{S}/permissions/mock_1_permission/reply", json={"reply": "once"})
        assert await resolved(client, 1) == [{"kind": "no_token", "transport": "http"}]


async def test_a_client_cannot_say_who_it_is(environment):
    forged = {"kind": "token", "token": "somebody", "scope": "admin"}
    async with running(environment) as (_, served), served.client() as client:
        await asking(client, "permission")
        body = {"reply": "once", "by": forged, "decidedBy": forged, "decided_by": forged}
        await client.post(f"{S}/permissions/mock_1_permission/reply", json=body)
        assert await resolved(client, 1) == [{"kind": "no_token", "transport": "http"}]
