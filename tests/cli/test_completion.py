"""Completion as a shell does it: bash itself is run with our script, and asks the real command."""

import subprocess
import sys
from pathlib import Path

import pytest

from .commands import TIMEOUT, Commands

SCRIPT = """
source <(sandbox-agent completion bash)
registered=$(complete -p sandbox-agent)
function=${registered#*-F }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
${function%% *} sandbox-agent "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environment(commands: Commands, tmp_path: Path) -> dict[str, str]:
    """``sandbox-agent`` is on PATH, as it is where it is installed."""
    program = tmp_path / "bin" / "sandbox-agent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sandbox_agent "$@"\n')
    program.chmod(0o700)
    return commands.environment | {"PATH": f"{program.parent}:{commands.environment['PATH']}"}


def bash(environment: dict[str, str], *typed: str) -> list[str]:
    """What bash would offer for the last of these words."""
    done = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT, "bash", *typed],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("ser",), ["server"]),
        (("api", "se"), ["sessions"]),
        (("api", "sessions", "reply-"), ["reply-permission", "reply-question"]),
        (("server", "--max-sess"), ["--max-sessions"]),
        (("server", "--log-level", ""), ["debug", "info", "warning", "error"]),
        (("daemon", "start", "--wa"), ["--wait"]),
        (("install-agent", "co"), ["codex"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        # Nobody is at stdin while TAB is pressed.
        (("api", "sessions", "send-message", "s", "-m", "-", "--att"), ["--attach"]),
        (("api", "sessions", "reply-question", "s", "q", "--ans"), ["--answers", "--answers-file"]),
        (("api", "sessions", "reply-question", "s", "q", "--answers-file", "-", "--ke"), ["--key"]),
        (("nonsense", "x"), []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bash_completes_commands_options_and_choices(
    environment: dict[str, str], typed: tuple[str, ...], offered: list[str]
) -> None:
    assert bash(environment, "sandbox-agent", *typed) == offered


def test_a_prompt_from_stdin_is_not_read_while_completing(commands: Commands) -> None:
    """It would wait for as long as the terminal is open."""
    words = "sandbox-agent api sessions send-message s -m - --att"
    asked = {"_SANDBOX_AGENT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "7"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox_agent"],
        env=commands.environment | asked,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"plain,--attach\n"
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete")])
def test_the_other_shells_get_a_script_of_theirs(commands: Commands, shell: str, word: str) -> None:
    done = commands.run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert word in done.stdout
    assert f"_SANDBOX_AGENT_COMPLETE={shell}_complete" in done.stdout


def test_the_package_runs_as_the_command_does(commands: Commands) -> None:
    for option in ("-V", "--version"):
        done = subprocess.run(
            [sys.executable, "-m", "sandbox_agent", option],
            env=commands.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == commands.run("--version").stdout
        assert done.stdout.startswith("sandbox-agent 0.")
