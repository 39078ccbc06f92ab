"""`make demo` is the first thing that a newcomer sees: with and without a terminal, and when something is missing."""

import json
import sys

import pexpect
import pytest

from .commands import COMMAND, Commands, private_environment


def test_without_a_terminal_it_answers_itself_and_says_so(commands: Commands) -> None:
    done = commands.run("demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    shown = done.stdout
    for part in (
        "tool call  mock.search",
        "+new",
        "A heading",
        "the demo allows it once",
        "the demo answers 'Red'",
        "turn ended: interrupted",
        "Still here after the interrupt.",
        "the daemon stopped cleanly",
    ):
        assert part in shown
    assert not commands.token_file.exists()


def test_with_a_terminal_the_user_decides(commands: Commands) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        [*COMMAND[1:], "demo"],
        env=private_environment(commands.home, TERM="dumb"),
        cwd=str(commands.home),
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 120),
    )
    try:
        for expected, answer in (
            ("Allow command_execution", "always"),
            ("Allow file_change", "reject"),
            ("Choose a color", "Blue"),
            ("Allow mock experiment", "No"),
        ):
            terminal.expect_exact(f"{expected}")
            terminal.expect_exact("): ")
            terminal.sendline(answer)
        terminal.expect_exact("question answered: No")
        terminal.expect_exact("the daemon stopped cleanly")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0


def test_an_unknown_agent_is_told_with_those_that_are_known(commands: Commands) -> None:
    done = commands.run("demo", "--agent", "nobody")
    assert done.returncode == 1
    assert "unsupported agent: nobody (known agents: claude" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("agent", "variable"), [("claude", "ANTHROPIC_API_KEY"), ("amp", "AMP_API_KEY")])
def test_missing_credentials_are_told_with_the_remedy_before_anything_is_installed(
    commands: Commands, agent: str, variable: str
) -> None:
    done = commands.run("demo", "--agent", agent)
    assert done.returncode == 1
    problem = json.loads(done.stderr)
    assert problem["type"] == "urn:sandbox-agent:error:credentials_missing"
    assert f"set {variable}" in problem["details"]["remedy"]
    assert not (commands.home / ".local" / "share").exists()
