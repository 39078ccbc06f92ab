"""`make demo` is the first thing that a newcomer sees: with and without a terminal, and when something is missing."""

import os
import signal
import sys
from io import StringIO

import pexpect
import pytest
from rich.console import Console

from sandbox_agent.cli.demo.approvals import Human
from sandbox_agent.cli.demo.transcript import Transcript

from ..patience import PATIENCE
from .commands import COMMAND, Commands, private_environment
from .processes import alive, descendants

HEARING_HANGUPS = (
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""What stands before a command so that it hears SIGHUP, also when whoever starts it ignores that."""


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
        timeout=PATIENCE,
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
            terminal.expect_exact("]: ")
            terminal.sendline(answer)
        terminal.expect_exact("question answered: No")
        terminal.expect_exact("the daemon stopped cleanly")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0


def test_enter_alone_allows_and_answers_nothing_and_the_end_of_input_rejects(commands: Commands) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        [*COMMAND[1:], "demo", "--prompt", "permission", "--prompt", "question"],
        env=private_environment(commands.home, TERM="dumb"),
        cwd=str(commands.home),
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(50, 120),
    )
    terminal.logfile_read = shown = StringIO()
    try:
        terminal.expect_exact("Allow command_execution? [once/always/reject]: ")
        terminal.sendline("")
        terminal.expect_exact("Allow command_execution? [once/always/reject]: ")
        terminal.sendeof()
        terminal.expect_exact("the demo rejects it")
        terminal.expect_exact("Allow file_change? [once/always/reject]: ")
        terminal.sendline("once")
        terminal.expect_exact("Choose a color [Red/Blue]: ")
        terminal.sendline("")
        terminal.expect_exact("Choose a color [Red/Blue]: ")
        terminal.sendline("Blue")
        terminal.expect_exact("Allow mock experiment? [Yes/No]: ")
        terminal.sendeof()
        terminal.expect_exact("the daemon stopped cleanly")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert terminal.exitstatus == 0
    # Each is told when it is resolved, which may be before or after the next one is asked.
    for told in (
        "permission command_execution: reject",
        "permission file_change: accept",
        "question answered: Blue",
        "question rejected",
    ):
        assert told in shown.getvalue()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_ends_its_daemon_and_leaves_nothing(commands: Commands, number: signal.Signals) -> None:
    scratch = commands.home / "scratch"
    scratch.mkdir()
    terminal = pexpect.spawn(
        sys.executable,
        [*("-c", HEARING_HANGUPS), *COMMAND, "demo", "--prompt", "permission"],
        env=private_environment(commands.home, TERM="dumb", TMPDIR=str(scratch)),
        cwd=str(commands.home),
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(50, 120),
    )
    started: list[int] = []
    try:
        terminal.expect_exact("Allow command_execution? [once/always/reject]: ")
        started = descendants(terminal.pid)
        assert len(started) >= 2, "the daemon and its agent"
        terminal.kill(number)
        terminal.expect(pexpect.EOF)
        terminal.wait()
        assert terminal.exitstatus == 128 + number
        assert alive(started) == []
        assert list(scratch.glob("sandbox-agent-demo-*")) == []
    finally:
        terminal.close(force=True)
        for pid in alive(started):
            os.kill(pid, signal.SIGKILL)


def test_what_an_agent_asks_is_shown_as_it_is_and_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=StringIO(), width=80)
    monkeypatch.setattr(console, "input", lambda prompt, **_: shown.append(str(prompt)) or "b [/] ")
    shown: list[str] = []
    human = Human(Transcript(console), console)
    question = {"prompt": "Is [/] or [red]this[/red] it?", "options": [" a", "b [/]"]}
    assert human.question(question) == [["b [/]"]]
    assert shown == ["Is [/] or [red]this[/red] it? [a/b [/]]: "]


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
    assert done.stderr.startswith(f"Error: credentials missing: {agent}: ")
    assert f"set {variable}" in done.stderr
    assert "{" not in done.stderr
    assert not (commands.home / ".local" / "share").exists()
