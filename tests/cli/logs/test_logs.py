"""The daemon's log: what it tells of whom, and what it never tells."""

import json
from typing import Any

import pytest

from sandbox_agent.cli.logs.bounds import MAX_TEXT, bounded
from sandbox_agent.transport.http.access_log import MAX_PATH

from ..commands import Commands
from ..running import daemon
from ..server.test_server import status

SECRETS = {
    "SANDBOX_AGENT_TOKEN": "a-token-that-nobody-may-read",
    "ANTHROPIC_API_KEY": "sk-ant-a-key-that-nobody-may-read",
    "OPENAI_API_KEY": "sk-another-key-that-nobody-may-read",
}
PROMPT = "a-prompt-that-nobody-may-read"


def log_of_two_sessions(commands: Commands, log_format: str, level: str = "info") -> str:
    """With what a log may be tempted to tell of: turns, a crash, a wrong token, a token in a URL, a session's end."""
    options = ("--log-format", log_format, "--log-level", level, "--mock-step-ms", "0")
    with daemon(commands, *options, env=SECRETS) as running:

        def api(*words: str) -> int:
            return commands.run("api", *words, "-e", running.url, env=SECRETS).returncode

        for name in ("one", "a/b"):
            assert api("sessions", "create", name, "-a", "mock") == 0
            assert api("sessions", "send-message-stream", name, "-m", f"echo {PROMPT}") == 0
        assert api("sessions", "send-message-stream", "one", "-m", "crash") == 1
        assert api("sessions", "send-message-stream", "one", "-m", f"echo {PROMPT}") == 0
        assert api("sessions", "delete", "a/b") == 0
        assert api("sessions", "get", "none") == 1
        assert status(f"{running.url}/v1/agents?token={SECRETS['SANDBOX_AGENT_TOKEN']}", "a-wrong-token") == 401
        running.close()
        return running.stderr


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_it_tells_neither_token_nor_keys_nor_prompts(commands: Commands, log_format: str) -> None:
    log = log_of_two_sessions(commands, log_format)
    assert "session created" in log
    assert [secret for secret in (*SECRETS.values(), PROMPT, "a-wrong-token") if secret in log] == []


def test_at_debug_it_tells_what_agents_say_and_still_no_token_and_no_key(commands: Commands) -> None:
    log = log_of_two_sessions(commands, "text", "debug")
    assert '<< {"type":"item_completed","id":"mock_1_reply","kind":"message","role":"assistant"' in log
    assert PROMPT in log
    assert [secret for secret in (*SECRETS.values(), "a-wrong-token") if secret in log] == []


def test_the_lines_of_two_sessions_are_told_apart(commands: Commands) -> None:
    lines = [json.loads(line) for line in log_of_two_sessions(commands, "json", "debug").splitlines()]
    # Whether a client has left before its last answer was written is a matter of moments.
    told: list[dict[str, Any]] = [line for line in lines if line["event"] != "connection.lost"]
    of_agents = [line for line in told if line["event"].startswith(("<< ", ">> "))]
    assert {line["session_id"] for line in of_agents} == {"one", "a/b"}
    told = [line for line in told if line not in of_agents]

    def story(session_id: str | None) -> list[str]:
        return [line["event"] for line in told if line.get("session_id") == session_id and line["event"] != "request"]

    assert story("one") == [
        "session created",
        "agent started",
        "agent exited",
        "session error",
        "agent started",
        "agent exited",
    ]
    assert story("a/b") == ["session created", "agent started", "agent exited", "session ended", "session deleted"]
    start = ["agents are confined", "agents are isolated", "sizing"]
    assert story(None) == [*start, "a wrong token was shown", "stopping"]
    assert [line["code"] for line in told if line["event"] == "session error"] == ["process_exit"]
    assert {line["path"] for line in told if line["event"] == "request" and line.get("session_id") == "a/b"} == {
        "/v1/sessions/a%2Fb",
        "/v1/sessions/a%2Fb/messages/stream",
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_field_that_is_too_long_is_cut(commands: Commands, log_format: str) -> None:
    """Here a path; of other fields the end is told too."""
    path = f"/first/{'x' * 60_000}/last"
    with daemon(commands, "--log-format", log_format, env=SECRETS) as running:
        assert status(f"{running.url}{path}", SECRETS["SANDBOX_AGENT_TOKEN"]) == 404
        running.close()
    (line,) = [line for line in running.stderr.splitlines() if "/first/" in line]
    assert len(line) < MAX_PATH + 1000
    assert f"({len(path)} in all)" in line


@pytest.mark.parametrize("text", ["a" * MAX_TEXT + "\n" * MAX_TEXT, b"\xff" * 2 * MAX_TEXT])
def test_texts_of_every_kind_are_bounded_also_a_librarys_message(text: str | bytes) -> None:
    said = bounded(None, "info", {"event": text, "short": "as it was", "count": 7})
    assert said["event"].endswith("\n\n" if isinstance(text, str) else "\\xff")
    assert len(said["event"]) <= 4 * MAX_TEXT + 100, "a byte may be told by four characters"
    assert (said["short"], said["count"]) == ("as it was", 7)
