"""A mistyped word is answered with the one that was meant, at every level."""

import re

import pytest

from .commands import Commands


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("sever",), "server"),
        (("demon",), "daemon or demo"),
        (("instal-agent",), "install-agent"),
        (("daemon", "strat"), "start"),
        (("api", "sesions"), "sessions"),
        (("api", "sessions", "lst"), "list"),
        (("api", "sessions", "reply-permision"), "reply-permission"),
        (("api", "permissions", "lits"), "list"),
        (("credentials", "extract_env"), "extract-env"),
        # There is such a command, elsewhere.
        (("sessions", "list"), "api sessions"),
        (("events-sse",), "api sessions events-sse"),
        (("start",), "daemon start"),
        (("api", "stop"), "daemon stop"),
        (("api", "sessions", "mdoes"), None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_of_commands(commands: Commands, words: tuple[str, ...], meant: str | None) -> None:
    done = commands.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: No such command '")
    if meant is None:
        assert last.endswith("'.")
    else:
        assert re.search(rf"Did you mean {meant}( or [\w-]+)*\?$", last), last


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--verison",), "--version"),
        (("server", "--prot", "1"), "--port"),
        (("server", "--max-sesions", "1"), "--max-sessions"),
        (("daemon", "start", "--wiat", "1"), "--wait"),
        (("api", "--endpiont", "x", "agents", "list"), "--endpoint"),
        (("api", "sessions", "create", "s", "--agnet", "mock"), "--agent"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_of_options(commands: Commands, words: tuple[str, ...], meant: str) -> None:
    done = commands.run(*words)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "No such option" in last
    assert meant in last


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("install-agent", "cluade"), "claude"),
        (("server", "--log-level", "inof"), "info"),
        (("credentials", "extract", "-a", "ampp"), "amp"),
        (("completion", "bahs"), "bash"),
        (("api", "sessions", "reply-permission", "s", "p", "-r", "alway"), "always"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_of_choices(commands: Commands, words: tuple[str, ...], meant: str) -> None:
    done = commands.run(*words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"Did you mean {meant}?")
