"""Rules and digests over HTTP and WebSocket, with the real daemon and the mock agent."""

from ..serving import LIMIT
from .test_commands import S
from .test_problems import problem
from .test_real_daemon import environment, running
from .test_websocket import peer
from .test_who_decided import BY_TOKEN, asking

__all__ = ["LIMIT", "environment"]


async def test_a_rule_is_listed_and_taken_back(environment):
    async with running(environment, token="t") as (_, served), served.client("t") as client:
        await asking(client, "permission")
        assert (await client.get(f"{S}/rules")).json() == {"rules": []}
        await client.post(f"{S}/permissions/mock_1_permission/reply", json={"reply": "always"})
        (rule,) = (await client.get(f"{S}/rules")).json()["rules"]
        assert rule["createdAt"] > 0
        assert (rule["kind"], rule["action"], rule["permissionId"], rule["uses"]) == (
            "input", "command_execution", "mock_1_permission", 0,
        )  # fmt: skip
        assert rule["always"] == 'command_execution {"command":"echo mock"}'
        assert rule["decidedBy"] == {**BY_TOKEN, "transport": "http", "rule": rule["ruleId"]}
        assert (await client.delete(f"{S}/rules/{rule['ruleId']}")).status_code == 204
        problem(await client.delete(f"{S}/rules/{rule['ruleId']}"), 404, "rule_not_found")
        assert (await client.get(f"{S}/rules")).json() == {"rules": []}
        events = (await client.get(f"{S}/events")).json()["events"]
        (told,) = [
            part["detail"]
            for event in events
            if event["type"] == "item.completed"
            for part in event["data"]["item"]["content"]
            if part.get("label") == "permission.rule_revoked"
        ]
        assert told.endswith("(taken back by token default over http)")


async def test_a_reply_to_something_else_than_what_was_shown_is_a_conflict(environment):
    async with running(environment) as (_, served), served.client() as client:
        await asking(client, "permission")
        path = f"{S}/permissions/mock_1_permission/reply"
        problem(await client.post(path, json={"reply": "once", "inputDigest": "x"}), 409, "decision_conflict")
        async with peer(served) as socket:
            say = {"type": "permission.reply", "permissionId": "mock_1_permission", "reply": "once", "inputDigest": "x"}
            await socket.send(id="1", **say)
            while (frame := await socket.read())["type"] != "error":
                pass
            assert frame["problem"]["type"].endswith("decision_conflict")
        pending = (await client.get("/v1/permissions")).json()["permissions"]
        digest = pending[0]["permission"]["input_digest"]
        assert (await client.post(path, json={"reply": "once", "inputDigest": digest})).status_code == 204
