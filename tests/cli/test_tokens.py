"""``sandbox-agent tokens``: given out, used, taken back, and kept across the daemon's lives."""

import json
import stat

import pytest
from sandbox_agent.schema.token import SHORTEST

from .commands import Commands
from .daemon import daemon


def ok(commands: Commands, *words: str, **env: str) -> str:
    done = commands.run(*words, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def denied(commands: Commands, *words: str, **env: str) -> dict[str, object]:
    done = commands.run(*words, env=env)
    assert done.returncode == 1, done.stdout
    return json.loads(done.stderr)


def test_a_token_from_its_creation_to_its_end(commands: Commands) -> None:
    data = commands.home / ".local" / "share" / "sandbox-agent"
    with daemon(commands):
        made = commands.run("tokens", "create", "ci", "-s", "read", "-s", "prompt", "--expires-in", "3600")
        assert made.returncode == 0, made.stderr
        secret = made.stdout.removesuffix("\n")
        assert secret.startswith("sat_")
        assert len(secret) >= 43
        assert secret not in made.stderr
        assert json.loads(made.stderr)["scopes"] == ["read", "prompt"]
        denied(commands, "tokens", "create", "ci", "-s", "read")
        ok(commands, "api", "sessions", "list", SANDBOX_AGENT_TOKEN=secret)
        refused = denied(commands, "api", "sessions", "create", "s", "-a", "mock", SANDBOX_AGENT_TOKEN=secret)
        assert (refused["token"], refused["scope"]) == ("ci", "admin")
        listed = json.loads(ok(commands, "tokens", "list"))["tokens"]
        assert [(token["name"], token["lastUsedAt"] is not None) for token in listed] == [("ci", True)]
        assert secret not in str(listed)
    file = data / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.removeprefix("sat_") not in file.read_text()
    with daemon(commands) as again:
        ok(commands, "api", "sessions", "list", SANDBOX_AGENT_TOKEN=secret)
        (known,) = json.loads(ok(commands, "tokens", "list"))["tokens"]
        assert known["lastUsedAt"] >= listed[0]["lastUsedAt"]
        assert ok(commands, "tokens", "revoke", "ci") == ""
        assert denied(commands, "api", "sessions", "list", SANDBOX_AGENT_TOKEN=secret)["status"] == 401
        assert denied(commands, "tokens", "revoke", "ci")["status"] == 404
    assert secret not in again.stderr


def test_a_token_of_one_session_sees_that_one(commands: Commands) -> None:
    with daemon(commands, "--ephemeral") as running:
        at = {"SANDBOX_AGENT_ENDPOINT": running.url}
        for session in ("mine", "other"):
            ok(commands, "api", "sessions", "create", session, "-a", "mock", **at)
        limited = at | {
            "SANDBOX_AGENT_TOKEN": ok(commands, "tokens", "create", "ui", "-s", "read", "--session", "mine", **at)
        }
        seen = json.loads(ok(commands, "api", "sessions", "list", **limited))["sessions"]
        assert [session["sessionId"] for session in seen] == ["mine"]
        assert denied(commands, "api", "sessions", "get", "other", **limited)["status"] == 404
        ok(commands, "api", "sessions", "delete", "mine", **at)
        assert denied(commands, "api", "sessions", "list", **limited)["status"] == 401
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
    # A client may hold one: an older daemon may demand it.
    asked = commands.run("api", "-e", "http://127.0.0.1:1", "sessions", "list", *words, env=env)
    assert "cannot connect" in asked.stderr
