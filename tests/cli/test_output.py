"""stdout and stderr that cannot be written: a command ends with the documented status, never with a traceback."""

import os
import re
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from .api.peer import answer, peer, read_request
from .commands import COMMAND, READABLE, TIMEOUT, Commands
from .running import daemon

SPEAKING = [
    ("--help",),
    ("-h",),
    ("--version",),
    ("api", "sessions", "--help"),
    ("server", "--help"),
    ("completion", "zsh"),
    ("credentials", "extract"),
]
"""Commands that say something on stdout and need no daemon."""

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FULL = "Error: cannot write to stdout: No space left on device\n"


@pytest.fixture
def full() -> Generator[int]:
    number = os.open("/dev/full", os.O_WRONLY)
    yield number
    os.close(number)


@pytest.fixture
def unread() -> Generator[int]:
    """A pipe whose reader went away."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def into(commands: Commands, stdout: int, *words: str, **env: str) -> tuple[int, str]:
    """The exit status and stderr of a command whose stdout is this descriptor."""
    done = subprocess.run(
        [*COMMAND, *words],
        env=commands.environment | env,
        cwd=commands.home,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
    )
    return done.returncode, done.stderr


def redirected(commands: Commands, redirections: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", *COMMAND, *words],
        env=commands.environment,
        cwd=commands.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_a_full_stdout_is_74_and_one_sentence(commands: Commands, full: int, words: tuple[str, ...]) -> None:
    assert into(commands, full, *words) == (74, FULL)


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_a_reader_that_is_gone_is_141_and_silence(commands: Commands, unread: int, words: tuple[str, ...]) -> None:
    assert into(commands, unread, *words) == (141, "")


@pytest.mark.parametrize("words", SPEAKING, ids=" ".join)
def test_a_closed_stdout_is_one_that_nobody_wants_to_read(commands: Commands, words: tuple[str, ...]) -> None:
    done = redirected(commands, ">&-", *words)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-", "2>&- >&- <&-"])
def test_a_stderr_that_cannot_be_written_changes_no_status(commands: Commands, stderr: str) -> None:
    assert redirected(commands, stderr, "nonsense").returncode == 2
    assert redirected(commands, stderr, "credentials", "extract", "-a", "claude").returncode == 1
    assert redirected(commands, stderr, "--version").returncode == 0


def test_a_status_of_its_own_says_nothing_when_its_words_are_lost(commands: Commands, full: int, unread: int) -> None:
    assert into(commands, full, "daemon", "status") == (74, FULL)
    assert into(commands, unread, "daemon", "status") == (141, "")


def test_an_answer_that_cannot_be_written_is_told_after_the_command_was_done(commands: Commands, full: int) -> None:
    with peer(answer("200 OK", b"{}", "application/json")) as endpoint:
        assert into(commands, full, "api", "sessions", "list", "-e", endpoint) == (74, FULL)


@pytest.mark.parametrize(("kind", "ending"), [("full", (74, FULL)), ("unread", (141, ""))])
def test_a_stream_ends_with_the_first_piece_that_cannot_be_written(
    commands: Commands, request: pytest.FixtureRequest, kind: str, ending: tuple[int, str]
) -> None:
    def endless(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(STREAM_HEAD + b"9\r\ndata: 1\n\n\r\n")
        connection.recv(1)  # until the client hangs up

    with peer(endless) as endpoint:
        stdout = request.getfixturevalue(kind)
        assert into(commands, stdout, "api", "sessions", "events-sse", "s", "-e", endpoint) == ending


@pytest.mark.parametrize(("kind", "status"), [("full", 74), ("unread", 141)])
def test_a_daemon_whose_announcement_is_lost_ends(
    commands: Commands, request: pytest.FixtureRequest, kind: str, status: int
) -> None:
    """Whoever started it waits for that line and would never hear of it."""
    code, stderr = into(commands, request.getfixturevalue(kind), "server", "--port", "0", "--no-token")
    assert code == status
    assert "Traceback" not in stderr
    assert ("cannot write to stdout" in stderr) == (kind == "full")


def test_a_daemon_without_a_stdout_serves_and_no_file_of_its_own_takes_that_place(commands: Commands) -> None:
    """What it runs inherits its descriptors: 1 must not be the journal."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@" >&- <&-', "sh", *READABLE, "server", "--port", "0"],
        env=commands.environment,
        cwd=commands.home,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while (ready := re.search(r"(http://[\d.]+:\d+)/v1/agents", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        fds = Path(f"/proc/{process.pid}/fd")
        assert [(fds / name).readlink() for name in ("0", "1")] == [Path("/dev/null")] * 2
        done = commands.run("api", "sessions", "create", "s", "-a", "mock", "-e", ready[1])
        assert done.returncode == 0, done.stderr
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, rest


@pytest.mark.parametrize(("kind", "status"), [("full", 74), ("unread", 141)])
def test_a_demo_that_nobody_can_see_stops_its_daemon(
    commands: Commands, request: pytest.FixtureRequest, kind: str, status: int
) -> None:
    code, stderr = into(commands, request.getfixturevalue(kind), "demo")
    assert (code, stderr) == (status, FULL if kind == "full" else "")


def test_a_stdout_that_somebody_made_non_blocking_is_waited_for(commands: Commands, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    size = 1 << 22
    with peer(answer("200 OK", b'{"a":"%b"}' % (b"x" * size), "application/json")) as endpoint:
        process = subprocess.Popen(
            [*COMMAND, "api", "agents", "list", "-e", endpoint],
            env=commands.environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        with os.fdopen(reader, "rb") as stdout:
            received = stdout.read()
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    assert len(received) > size


def test_everything_that_was_printed_before_the_reader_went_is_there(commands: Commands) -> None:
    with daemon(commands, "--no-token") as running:
        done = redirected(commands, "| head -n 1", "api", "agents", "list", "-e", running.url)
    assert done.stdout == "{\n"
    assert done.stderr == ""
