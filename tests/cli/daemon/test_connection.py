"""Which daemon is called and with which token, wherever that was said; and what a 401 tells about it."""

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from ..api.peer import peer, read_request
from ..commands import Commands
from ..running import RunningDaemon, daemon

NOWHERE = "http://127.0.0.1:1"
SECRET = "s3cret-of-the-daemon"
OTHER = "s3cret-of-somebody-else"


@contextmanager
def listening(requests: list[bytes]) -> Generator[str]:
    def play(connection: socket.socket) -> None:
        requests.append(read_request(connection).lower())
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    with peer(play) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    "words",
    [
        "api -e {url} -t good sessions list",
        "api sessions -e {url} -t good list",
        "api sessions list -e {url} -t good",
        "api -e {url} -t good agents modes mock",
        "api permissions -e {url} list -t good",
        "-t good api questions list -e {url}",
        # The innermost wins, each for itself.
        "-t bad api -e {nowhere} -t good sessions -e {url} list",
        "-t bad api -t worse sessions -e {nowhere} list -e {url} -t good",
        "api --timeout 0.001 -t good sessions list -e {url} --timeout 30",
    ],
)
def test_options_may_stand_at_every_level_and_the_innermost_wins(commands: Commands, words: str) -> None:
    requests: list[bytes] = []
    with listening(requests) as url:
        done = commands.run(
            *words.format(url=url, nowhere=NOWHERE).split(),
            env={"SANDBOX_AGENT_ENDPOINT": NOWHERE, "SANDBOX_AGENT_TOKEN": "environment"},
        )
    assert done.returncode == 0, done.stderr
    assert b"authorization: bearer good\r\n" in requests[0]


@pytest.mark.parametrize(
    "words", ["api -n sessions list", "-t bad api sessions -n list", "api -t bad sessions list -n"]
)
def test_no_token_at_an_inner_level_sends_none(commands: Commands, words: str) -> None:
    requests: list[bytes] = []
    with listening(requests) as url:
        done = commands.run(*words.split(), "-e", url, env={"SANDBOX_AGENT_TOKEN": "environment"})
    assert done.returncode == 0, done.stderr
    assert b"authorization" not in requests[0]


def test_two_ways_to_give_a_token_at_one_level_exclude_each_other(commands: Commands) -> None:
    done = commands.run("api", "-t", "x", "-n", "sessions", "list")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


@pytest.fixture
def guarded(commands: Commands) -> Generator[RunningDaemon]:
    with daemon(commands, env={"SANDBOX_AGENT_TOKEN": SECRET}) as running:
        yield running


def refused(commands: Commands, running: RunningDaemon, *options: str, **env: str) -> str:
    done = commands.run("api", "agents", "list", "-e", running.url, *options, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert OTHER not in done.stderr
    problem = json.loads(done.stderr)
    assert problem["type"] == "urn:sandbox-agent:error:token_invalid"
    assert "--token-file" in problem["hint"]
    assert "SANDBOX_AGENT_TOKEN" in problem["hint"]
    return problem["hint"]


def test_a_401_says_whether_a_token_was_sent_and_from_where(commands: Commands, guarded: RunningDaemon) -> None:
    file = commands.home / "secret"
    file.write_text(OTHER)
    sent = "a token was sent, from "
    assert refused(commands, guarded, "-t", OTHER).startswith(f"{sent}the option --token,")
    assert refused(commands, guarded, "--token-file", str(file)).startswith(
        f"{sent}the file {file} (option --token-file),"
    )
    assert refused(commands, guarded, SANDBOX_AGENT_TOKEN=OTHER).startswith(f"{sent}the variable SANDBOX_AGENT_TOKEN,")
    assert refused(commands, guarded, SANDBOX_AGENT_TOKEN_FILE=str(file)).startswith(
        f"{sent}the file {file} (variable SANDBOX_AGENT_TOKEN_FILE),"
    )
    assert refused(commands, guarded, "-n").startswith("no token was sent: --no-token was said")
    assert refused(commands, guarded).startswith("no token was sent: none was given, and none is stored")
    commands.token_file.parent.mkdir(parents=True, exist_ok=True)
    commands.token_file.write_text(OTHER)
    commands.token_file.chmod(0o600)
    assert refused(commands, guarded).startswith(f"{sent}the stored token {commands.token_file},")


def test_a_401_that_is_no_problem_of_ours_is_explained_too(commands: Commands) -> None:
    def play(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 5\r\n\r\nproxy")

    with peer(play) as endpoint:
        done = commands.run("api", "agents", "list", "-e", endpoint)
    assert done.returncode == 1
    assert "401 Unauthorized: proxy" in done.stderr
    assert "no token was sent" in done.stderr
