"""Which level holds, who is told, and what happens where the best one cannot be had."""

import os
import sys
from pathlib import Path

import httpx
import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..running import RunningDaemon, daemon

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}
WITHOUT = (sys.executable, str(Path(__file__).with_name("without_namespaces.py")), *COMMAND)


def told(running: RunningDaemon) -> tuple[dict[str, str], dict[str, str]]:
    """By health, and by the first event of a session."""
    headers = {"Authorization": f"Bearer {TOKEN['SANDBOX_AGENT_TOKEN']}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        health = client.get("/v1/health").json()
        client.post("/v1/sessions/s", json={"agent": "mock"}).raise_for_status()
        started = client.get("/v1/sessions/s/events").json()["events"][0]
        assert health["status"] == "ok"
        return health["isolation"], started["data"]["metadata"]["isolation"]


def test_auto_takes_the_best_and_says_so(commands: Commands) -> None:
    with daemon(commands, "--agent-isolation", "auto", env=TOKEN) as running:
        assert told(running) == ({"level": "namespace"}, {"level": "namespace"})


def test_a_level_that_is_demanded_holds_and_is_told(commands: Commands) -> None:
    with daemon(commands, "--agent-isolation", "process", env=TOKEN) as running:
        health, started = told(running)
        assert health == started
        assert health["level"] == "process"
        assert "agent_isolation" in health["reason"]


def test_auto_goes_on_without_namespaces_and_says_why(commands: Commands) -> None:
    with daemon(commands, "--agent-isolation", "auto", env=TOKEN, program=WITHOUT) as running:
        health, started = told(running)
        assert health == started
        assert health["level"] == "process"
        assert health["reason"].startswith("cannot isolate: a user namespace: ")


def test_namespaces_that_are_demanded_and_cannot_be_had_are_a_refusal(commands: Commands) -> None:
    with (
        pytest.raises(AssertionError) as refused,
        daemon(commands, "--agent-isolation", "namespace", env=TOKEN, program=WITHOUT),
    ):
        pass
    assert "status 1" in str(refused.value)
    assert "--agent-isolation namespace cannot be had: cannot isolate: a user namespace: " in str(refused.value)
    assert f"let uid {os.geteuid()} make user namespaces" in str(refused.value)


def test_a_level_that_nobody_knows_is_wrong_usage(commands: Commands) -> None:
    done = commands.run("server", "--port", "0", "--agent-isolation", "most")
    assert done.returncode == 2
    assert "must be auto, process, user or namespace; got 'most'" in done.stderr
