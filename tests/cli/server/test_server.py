"""The server as a process: how it starts, what it says, whom it lets in, and how it stops."""

import json
import signal
import socket
import stat
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from sandbox_agent.schema.settings import Settings

from ...patience import SLOWNESS
from ..commands import TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import RunningDaemon, daemon

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}


def status(url: str, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
            return answer.status
    except HTTPError as error:
        error.close()
        return error.code


def test_it_prints_one_line_on_stdout_and_stops_on_sigterm(commands: Commands) -> None:
    with daemon(commands, env=TOKEN) as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert running.stdout.read() == ""
        assert "Traceback" not in running.stderr
        assert TOKEN["SANDBOX_AGENT_TOKEN"] not in running.stderr


def test_with_no_token_given_it_stores_one_that_the_client_finds(commands: Commands) -> None:
    with daemon(commands) as running:
        token = commands.token_file.read_text().strip()
        assert stat.S_IMODE(commands.token_file.stat().st_mode) == 0o600
        done = commands.run("api", "agents", "list", "-e", running.url)
        assert done.returncode == 0, done.stderr
        assert "mock" in [agent["id"] for agent in json.loads(done.stdout)["agents"]]
        assert status(f"{running.url}/v1/agents") == 401
        running.close()
        assert str(commands.token_file) in running.stderr
        assert token not in running.stderr


def test_a_stored_token_is_used_again(commands: Commands) -> None:
    tokens = []
    for _ in range(2):
        with daemon(commands):
            tokens.append(commands.token_file.read_text())
    assert tokens[0] == tokens[1]


def test_the_token_of_the_environment_counts_and_none_is_stored(commands: Commands) -> None:
    with daemon(commands, env=TOKEN) as running:
        assert status(f"{running.url}/v1/agents", TOKEN["SANDBOX_AGENT_TOKEN"]) == 200
        assert status(f"{running.url}/v1/agents", "another") == 401
    assert not commands.token_file.exists()


def test_no_token_lets_everyone_on_this_machine_in(commands: Commands) -> None:
    with daemon(commands, "--no-token") as running:
        assert status(f"{running.url}/v1/agents") == 200


def test_no_token_on_every_interface_is_refused(commands: Commands) -> None:
    done = commands.run("server", "--port", "0", "--host", "0.0.0.0", "--no-token")
    assert done.returncode == 1
    assert "SANDBOX_AGENT_ALLOW_NO_TOKEN" in done.stderr


def test_a_port_in_use_is_one_clear_line(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = commands.run("server", "--port", port, env=TOKEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port}" in done.stderr
    assert "in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_host_that_is_not_ours_is_one_clear_line(commands: Commands) -> None:
    done = commands.run("server", "--host", "192.0.2.1", "--port", "0", env=TOKEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert "192.0.2.1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [("-C",), ("-O", "nonsense"), ("-C", "-O", "*")])
def test_cors_options_that_cannot_work_are_wrong_usage(commands: Commands, options: tuple[str, ...]) -> None:
    done = commands.run("server", "--port", "0", *options, env=TOKEN)
    assert done.returncode == 2
    assert "CORS" in done.stderr


def test_json_logs_are_json_lines(commands: Commands) -> None:
    with daemon(commands, "--log-format", "json", "--log-level", "debug", env=TOKEN) as running:
        assert status(f"{running.url}/v1/health") == 200
        running.close()
    lines = [json.loads(line) for line in running.stderr.splitlines()]
    assert lines
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)


def busy(commands: Commands, running: RunningDaemon) -> list[int]:
    """A session whose agent left children behind that resist; returns the pids of all of them."""
    at = ("-e", running.url)
    assert commands.run("api", "sessions", "create", "s", "-a", "mock", *at, env=TOKEN).returncode == 0
    done = commands.run("api", "sessions", "send-message-stream", "s", "-m", "spawn", *at, env=TOKEN)
    assert done.returncode == 0, done.stderr
    assert commands.run("api", "sessions", "send-message", "s", "-m", "hang", *at, env=TOKEN).returncode == 0
    found = descendants(running.process.pid)
    assert len(found) >= 3
    return found


@pytest.fixture
def hang_up() -> Iterator[None]:
    """Whoever runs the tests under nohup ignores SIGHUP, and so would every daemon that they start."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_every_descendant_within_the_limit(commands: Commands, number: signal.Signals) -> None:
    with daemon(commands, env=TOKEN, forked=False) as running:  # which signals it ignores is its parent's
        pids = busy(commands, running)
        began = time.monotonic()
        running.process.send_signal(number)
        assert running.wait_ended() == 0
        assert time.monotonic() - began < Settings().shutdown_timeout + SLOWNESS
        assert alive(pids) == []


def test_a_second_signal_ends_it_at_once_and_leaves_nobody(commands: Commands) -> None:
    # The first signal alone would take an hour.
    with daemon(commands, "--end-terminate", "3600", "--shutdown-timeout", "3600", env=TOKEN) as running:
        pids = busy(commands, running)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        while "stopping" not in running.stderr:
            assert time.monotonic() - began < TIMEOUT
            time.sleep(0.01)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 128 + signal.SIGTERM
        assert alive(pids) == []


def test_the_agent_does_not_inherit_the_token(commands: Commands) -> None:
    with daemon(commands, env=TOKEN) as running:
        at = ("-e", running.url)
        assert commands.run("api", "sessions", "create", "s", "-a", "mock", *at, env=TOKEN).returncode == 0
        for pid in descendants(running.process.pid):
            assert TOKEN["SANDBOX_AGENT_TOKEN"].encode() not in Path(f"/proc/{pid}/environ").read_bytes()
