"""``sandbox-agent tokens``: given out, used, taken back, and kept across the daemon's lives."""

import json
import stat

import httpx
import pytest

from sandbox_agent.schema.access.token import SHORTEST

from ..commands import TIMEOUT, Commands
from ..running import RunningDaemon, daemon


def ok(commands: Commands, *words: str, **env: str) -> str:
    done = commands.run(*words, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(running: RunningDaemon, token: str, path: str, body: object = None) -> httpx.Response:
    """Of the daemon itself: a command takes a second to ask it."""
    headers, method = {"Authorization": f"Bearer {token}"}, "GET" if body is None else "POST"
    return httpx.request(method, f"{running.url}{path}", headers=headers, json=body, timeout=TIMEOUT, trust_env=False)


def test_a_token_from_its_creation_to_its_end(commands: Commands) -> None:
    data = commands.home / ".local" / "share" / "sandbox-agent"
    with daemon(commands) as running:
        made = commands.run("tokens", "create", "ci", "-s", "read", "-s", "prompt", "--expires-in", "3600")
        assert made.returncode == 0, made.stderr
        secret = made.stdout.removesuffix("\n")
        assert secret.startswith("sat_")
        assert len(secret) >= 43
        assert secret not in made.stderr
        assert json.loads(made.stderr)["scopes"] == ["read", "prompt"]
        assert answer(running, secret, "/v1/sessions").status_code == 200
        refused = commands.run("api", "sessions", "create", "s", "-a", "mock", env={"SANDBOX_AGENT_TOKEN": secret})
        assert refused.returncode == 1
        assert (json.loads(refused.stderr)["token"], json.loads(refused.stderr)["scope"]) == ("ci", "admin")
        listed = json.loads(ok(commands, "tokens", "list"))["tokens"]
        assert [(token["name"], token["lastUsedAt"] is not None) for token in listed] == [("ci", True)]
        assert secret not in str(listed)
    file = data / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.removeprefix("sat_") not in file.read_text()
    with daemon(commands) as again:
        (known,) = answer(again, commands.token_file.read_text().strip(), "/v1/tokens").json()["tokens"]
        assert known["lastUsedAt"] == listed[0]["lastUsedAt"]
        assert answer(again, secret, "/v1/sessions").status_code == 200
        assert ok(commands, "tokens", "revoke", "ci") == ""
        assert answer(again, secret, "/v1/sessions").status_code == 401
    assert secret not in running.stderr + again.stderr


def test_the_token_of_a_session_goes_when_that_is_deleted(commands: Commands) -> None:
    own = "the-daemons-own-token"
    with daemon(commands, "--ephemeral", env={"SANDBOX_AGENT_TOKEN": own}) as running:
        for session in ("mine", "other"):
            assert answer(running, own, f"/v1/sessions/{session}", {"agent": "mock"}).status_code == 200
        body = {"name": "ui", "scopes": ["read"], "sessionId": "mine"}
        secret = answer(running, own, "/v1/tokens", body).json()["token"]
        seen = answer(running, secret, "/v1/sessions").json()["sessions"]
        assert [session["sessionId"] for session in seen] == ["mine"]
        assert answer(running, secret, "/v1/sessions/other").status_code == 404
        httpx.delete(f"{running.url}/v1/sessions/mine", headers={"Authorization": f"Bearer {own}"}, timeout=TIMEOUT)
        assert answer(running, secret, "/v1/sessions").status_code == 401
        assert answer(running, own, "/v1/tokens").json()["tokens"] == []
    assert not (commands.home / ".local" / "share" / "sandbox-agent" / "tokens.json").exists()


@pytest.mark.parametrize("how", ["option", "variable", "file", "stored"])
def test_a_daemon_does_not_start_with_a_token_that_can_be_guessed(commands: Commands, how: str) -> None:
    short = "marker"
    assert len(short) < SHORTEST
    (commands.home / "file").write_text(short)
    words, env = {
        "option": (("--token", short), {}),
        "variable": ((), {"SANDBOX_AGENT_TOKEN": short}),
        "file": (("--token-file", "file"), {}),
        "stored": ((), {}),
    }[how]
    if how == "stored":
        commands.token_file.parent.mkdir(parents=True)
        commands.token_file.write_text(short)
        commands.token_file.chmod(0o600)
    done = commands.run("server", "--port", "0", *words, env=env)
    assert done.returncode == 1
    assert f"at least {SHORTEST} characters" in done.stderr
    assert short not in done.stdout + done.stderr
    if how != "option":
        return
    # A client may hold one: an older daemon may demand it.
    asked = commands.run("api", "-e", "http://127.0.0.1:1", "sessions", "list", *words, env=env)
    assert "cannot connect" in asked.stderr
