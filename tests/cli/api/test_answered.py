"""A daemon that is killed right before it answers: the command was done, and its repeat learns so from the next one."""

import json

import httpx
import pytest

from ..commands import TIMEOUT, Commands
from ..running import daemon

KEY = {"Idempotency-Key": "k"}


def test_the_repeat_of_a_command_that_a_kill_left_unanswered(commands: Commands) -> None:
    def post(url: str, path: str) -> httpx.Response:
        with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as client:
            client.post("/v1/sessions/s", json={"agent": "mock"})
            return client.post(f"/v1/sessions/s/{path}", json={"message": "echo once"}, headers=KEY)

    with daemon(commands, "--no-token", env={"SANDBOX_AGENT_FAILPOINT": "command.answered"}) as killed:
        with pytest.raises(httpx.TransportError):
            post(killed.url, "messages")
        assert killed.wait_ended() == -9
    with daemon(commands, "--no-token") as again:
        repeated = post(again.url, "messages")
        assert (repeated.status_code, repeated.headers["Idempotency-Replayed"]) == (204, "true")
        turn = [
            json.loads(line[6:]) for line in post(again.url, "messages/stream").text.splitlines() if line[:1] == "d"
        ]
        # The turn that the kill cut short: its stream ends with the reason.
        assert (turn[0]["type"], turn[-1]["type"]) == ("turn.started", "error")
        events = httpx.get(f"{again.url}/v1/sessions/s/events", trust_env=False, timeout=TIMEOUT).json()["events"]
        assert [event["type"] for event in events].count("turn.started") == 1
        (ended,) = [event["data"] for event in events if event["type"] == "turn.ended"]
        assert ended["metadata"]["error"]["message"] == turn[-1]["data"]["message"]
