"""What a program of the daemon's own user finds when it looks into the daemon: an agent that was told to look for the
token, or for another vendor's key."""

import os
from pathlib import Path

import pytest

from ..commands import Commands
from ..running import daemon
from ..server.test_server import status

MARK = "marker-of-the-token-that-nobody-finds"
KEY = "sk-marker-of-the-vendors-key"


def shown(pid: int, *names: str) -> bytes:
    """By root, whom nothing of it is closed to."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in names)


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ((), {"SANDBOX_AGENT_TOKEN": MARK}),
        (("--token", MARK), {}),
        ((f"--token={MARK}",), {}),
        (("-t", MARK), {}),
        ((f"-t{MARK}",), {}),
    ],
)
def test_neither_environment_nor_arguments_of_the_daemon_hold_a_secret(
    commands: Commands, options: tuple[str, ...], env: dict[str, str]
) -> None:
    with daemon(commands, *options, env={**env, "ANTHROPIC_API_KEY": KEY, "OTHER": "kept"}, forked=False) as running:
        assert status(f"{running.url}/v1/agents", MARK) == 200
        arguments = shown(running.process.pid, "cmdline")
        assert b"server" in arguments
        assert MARK.encode() not in arguments
        if os.geteuid() == 0:
            environment = shown(running.process.pid, "environ")
            assert b"OTHER=kept" in environment
            assert MARK.encode() not in environment
            assert KEY.encode() not in environment
