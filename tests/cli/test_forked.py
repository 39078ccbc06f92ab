"""A command that is forked is one that was started anew, as far as its test can see."""

import subprocess

import pytest

from .commands import COMMAND, TIMEOUT, Commands
from .forked import can_fork, forks


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("--version",), {}),
        (("api", "sessions", "list", "--prot"), {}),
        (("credentials", "extract", "-r", "-a", "amp"), {"AMP_API_KEY": "a-key-of-the-test"}),
        (("api", "agents", "list"), {"SANDBOX_AGENT_ENDPOINT": "http://127.0.0.1:1"}),
    ],
)
def test_it_says_and_ends_the_same(commands: Commands, words: tuple[str, ...], env: dict[str, str]) -> None:
    environment = commands.environment | env
    forked = forks().run(words, environment, commands.home, "", TIMEOUT)
    anew = subprocess.run([*COMMAND, *words], env=environment, cwd=commands.home, capture_output=True, text=True)
    assert (forked.returncode, forked.stdout, forked.stderr) == (anew.returncode, anew.stdout, anew.stderr)


def test_what_starts_something_and_what_an_interpreter_reads_is_not_forked() -> None:
    assert can_fork(("api", "sessions", "list"), ("HOME", "AMP_API_KEY"))
    assert not can_fork(("-n", "daemon", "start"), ())
    assert not can_fork(("server", "--port", "0"), ())
    assert not can_fork(("--version",), ("PYTHONIOENCODING",))
    assert not can_fork(("--version",), ("LC_ALL",))
