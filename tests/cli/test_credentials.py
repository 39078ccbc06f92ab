"""``sandbox-agent credentials`` as a user runs it, in a home with fake keys."""

import json
import subprocess
from pathlib import Path

import pytest

from .commands import COMMAND, TIMEOUT, Commands

KEY = "sk-ant-fake-key-for-tests"
NASTY = 'it\'s $(touch made) `touch made` "quoted" \\ ;\n#!'


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def opencode(home: Path, **providers: object) -> None:
    write(home / ".local" / "share" / "opencode" / "auth.json", providers)


def api(key: str) -> dict[str, str]:
    return {"type": "api", "key": key}


def found(commands: Commands, *options: str, **environment: str) -> dict[str, object]:
    done = commands.run("credentials", "extract", *options, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_nothing_found_is_said_and_is_no_failure(commands: Commands) -> None:
    assert found(commands) == {"anthropic": None, "openai": None, "other": {}}
    done = commands.run("credentials", "extract-env")
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_found_is_told_with_its_source(commands: Commands) -> None:
    opencode(commands.home, groq=api("gsk-12345678"))
    said = found(commands, "--reveal", ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY="")
    assert said["anthropic"] == {
        "provider": "anthropic",
        "source": "environment",
        "auth_type": "api_key",
        "api_key": KEY,
        "redacted": False,
    }
    assert said["openai"] is None
    assert said["other"] == {
        "groq": {
            "provider": "groq",
            "source": "opencode",
            "auth_type": "api_key",
            "api_key": "gsk-12345678",
            "redacted": False,
        }
    }


def test_no_secret_is_shown_unless_it_is_asked_for(commands: Commands) -> None:
    opencode(commands.home, groq=api("gsk-12345678"), xai=api("short"))
    env = {"ANTHROPIC_API_KEY": KEY, "AMP_API_KEY": "ключ-від-дверей"}
    done = commands.run("credentials", "extract", env=env)
    said = json.loads(done.stdout)
    assert (said["anthropic"]["api_key"], said["anthropic"]["redacted"]) == ("sk-a...ests", True)
    assert said["other"]["amp"]["api_key"] == "ключ...ерей"
    assert said["other"]["groq"]["api_key"] == "gsk-...5678"
    assert said["other"]["xai"]["api_key"] == "****"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("option", ["-r", "--reveal"])
def test_reveal_shows_whole_secrets(commands: Commands, option: str) -> None:
    said = found(commands, option, ANTHROPIC_API_KEY=KEY)["anthropic"]
    assert isinstance(said, dict)
    assert (said["api_key"], said["redacted"]) == (KEY, False)


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        (("-a", "claude"), KEY),
        (("-a", "codex"), "sk-openai"),
        (("-a", "amp"), "sgamp_1"),
        (("-a", "opencode"), KEY),
        (("-a", "opencode", "-p", "openai"), "sk-openai"),
        (("-p", "openai"), "sk-openai"),
        (("-p", "groq"), "gsk"),
        (("-p", "anthropic", "--reveal"), KEY),
    ],
)
def test_for_an_agent_or_a_provider_the_bare_secret_is_printed(
    commands: Commands, options: tuple[str, ...], secret: str
) -> None:
    opencode(commands.home, groq=api("gsk"))
    env = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": "sk-openai", "AMP_API_KEY": "sgamp_1"}
    done = commands.run("credentials", "extract", *options, env=env)
    assert (done.returncode, done.stdout) == (0, secret + "\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-a", "claude"), "no credentials found for provider anthropic"),
        (("-a", "codex"), "no credentials found for provider openai"),
        (("-a", "amp"), "no credentials found for provider amp"),
        (("-p", "mistral"), "no credentials found for provider mistral"),
        (("-a", "claude", "-p", "openai"), "agent claude does not use provider openai; it uses anthropic"),
        (
            ("-a", "opencode"),
            "agent opencode has credentials of several providers (groq, xai); choose one with --provider",
        ),
    ],
)
def test_what_is_not_there_is_exit_1_with_the_reason(
    commands: Commands, options: tuple[str, ...], message: str
) -> None:
    opencode(commands.home, groq=api("g"), xai=api("x"))
    done = commands.run("credentials", "extract", *options, env={"ANTHROPIC_API_KEY": ""})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {message}\n")


def test_opencode_without_anything_says_so(commands: Commands) -> None:
    done = commands.run("credentials", "extract", "-a", "opencode", env={"AMP_API_KEY": "m"})
    assert (done.returncode, done.stderr) == (1, "Error: no credentials found for agent opencode\n")


@pytest.mark.parametrize(
    "words", [("extract", "-a", "mock"), ("extract", "-d", "no-such-folder"), ("extract", "--redact")]
)
def test_wrong_usage_is_exit_2(commands: Commands, words: tuple[str, ...]) -> None:
    assert commands.run("credentials", *words).returncode == 2


def test_another_home_is_searched_at_its_usual_places_and_variables_still_come_first(
    commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other / ".claude.json", {"primaryApiKey": "sk-ant-other"})
    write(commands.home / ".codex" / "auth.json", {"OPENAI_API_KEY": "sk-mine"})
    moved = {"CLAUDE_CONFIG_DIR": str(commands.home), "CODEX_HOME": str(commands.home / ".codex")}
    said = found(commands, "-r", "-d", str(other), **moved)
    assert isinstance(said["anthropic"], dict)
    assert (said["anthropic"]["api_key"], said["openai"]) == ("sk-ant-other", None)
    said = found(commands, "-r", "-d", str(other), ANTHROPIC_API_KEY=KEY)
    assert isinstance(said["anthropic"], dict)
    assert said["anthropic"]["api_key"] == KEY


def test_tokens_can_be_left_out(commands: Commands) -> None:
    write(commands.home / ".claude" / ".credentials.json", {"claudeAiOauth": {"accessToken": "t"}})
    said = found(commands)["anthropic"]
    assert isinstance(said, dict)
    assert (said["source"], said["auth_type"]) == ("claude-code", "oauth")
    assert found(commands, "--no-oauth")["anthropic"] is None
    assert commands.run("credentials", "extract-env").stdout == "CLAUDE_CODE_OAUTH_TOKEN=t\n"
    assert commands.run("credentials", "extract-env", "--no-oauth").stdout == ""


def test_a_shell_that_evaluates_the_output_gets_every_secret_and_runs_nothing(commands: Commands) -> None:
    opencode(commands.home, **{"o'$(touch made)": api("odd")})
    script = 'eval "$("$@")" && env -0'
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *COMMAND, "credentials", "extract-env", "--export"],
        env=commands.environment | {"ANTHROPIC_API_KEY": NASTY, "AMP_API_KEY": "\udcff\udc80 not text"},
        cwd=commands.home,
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
    )
    seen = dict(pair.split(b"=", 1) for pair in done.stdout.split(b"\0") if pair)
    assert seen[b"CLAUDE_API_KEY"].decode() == NASTY
    assert seen[b"AMP_API_KEY"] == b"\xff\x80 not text"
    assert seen[b"O___TOUCH_MADE__API_KEY"] == b"odd"
    assert not (commands.home / "made").exists()
    assert done.stderr == b""
