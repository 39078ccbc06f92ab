"""What a command says when the daemon refuses, is not there, or is not one: a message, never a traceback."""

import json
import signal
import socket
import subprocess

import pytest

from ..commands import COMMAND, INTERRUPTIBLE, TIMEOUT, Commands
from .peer import answer, peer, read_request

STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_problem_is_pretty_json_on_stderr(commands: Commands) -> None:
    problem = {"type": "urn:x", "title": "Ünwell", "status": 404, "detail": "no"}
    with peer(answer("404 Not Found", json.dumps(problem).encode(), "application/problem+json")) as endpoint:
        done = commands.run("api", "sessions", "get", "s", "-e", endpoint)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == json.dumps(problem, indent=2, ensure_ascii=False) + "\n"


def test_an_error_that_is_no_problem_is_told_with_its_status(commands: Commands) -> None:
    with peer(answer("502 Bad Gateway", b"<h1>proxy</h1>", "text/html")) as endpoint:
        done = commands.run("api", "agents", "list", "-e", endpoint)
    assert done.returncode == 1
    assert "502" in done.stderr
    assert "<h1>proxy</h1>" in done.stderr


def test_an_error_that_is_nested_too_deep_is_told_with_its_status(commands: Commands) -> None:
    with peer(answer("502 Bad Gateway", b"[" * 50_000, "application/json")) as endpoint:
        done = commands.run("api", "agents", "list", "-e", endpoint)
    assert done.returncode == 1
    assert "answered 502 Bad Gateway: [[[" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_that_is_no_json_is_told(commands: Commands) -> None:
    with peer(answer("200 OK", b"hello", "text/plain")) as endpoint:
        done = commands.run("api", "agents", "list", "-e", endpoint)
    assert done.returncode == 1
    assert "not JSON" in done.stderr


def test_a_refused_connection_names_the_endpoint_and_the_remedy(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = commands.run("api", "sessions", "list", env={"SANDBOX_AGENT_ENDPOINT": endpoint})
    assert done.returncode == 1
    assert endpoint in done.stderr
    assert "sandbox-agent server" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("api", "sessions", "create", "s", "-a", "mock", "--turn-timeout", "nan"),
        ("api", "--timeout", "inf", "sessions", "list"),
        ("api", "sessions", "list", "--timeout", "nan"),
        ("daemon", "start", "--wait", "nan", "--host", "203.0.113.1"),  # it cannot listen there
    ],
)
def test_what_is_no_number_of_seconds_is_wrong_usage(commands: Commands, words: tuple[str, ...]) -> None:
    done = commands.run(*words)
    assert done.returncode == 2
    assert "is not a number of seconds" in done.stderr


def test_an_endpoint_that_is_no_url_is_wrong_usage(commands: Commands) -> None:
    done = commands.run("api", "sessions", "list", "-e", "localhost:2468")
    assert done.returncode == 2
    assert "http://" in done.stderr


def test_a_daemon_that_does_not_answer_is_given_up_on(commands: Commands) -> None:
    def silent(connection: socket.socket) -> None:
        read_request(connection)
        connection.recv(1)  # until the client hangs up

    with peer(silent) as endpoint:
        done = commands.run("api", "agents", "list", "-e", endpoint, "--timeout", "0.2")
    assert done.returncode == 1
    assert "--timeout" in done.stderr


def test_a_stream_that_breaks_off_is_printed_so_far_and_fails(commands: Commands) -> None:
    def cut(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(STREAM_HEAD + chunk(b"data: 1\n\n") + b"5\r\nda")

    with peer(cut) as endpoint:
        done = commands.run("api", "sessions", "events-sse", "s", "-e", endpoint)
    assert done.returncode == 1
    assert done.stdout == "data: 1\n\nda"
    assert "broke" in done.stderr


def test_the_token_is_sent_as_bearer_and_never_through_a_proxy(commands: Commands) -> None:
    requests: list[bytes] = []

    def play(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    with peer(play) as endpoint:
        nowhere = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "SANDBOX_AGENT_TOKEN": "t0k"}
        done = commands.run("api", "agents", "list", "-e", endpoint, env=nowhere)
    assert done.returncode == 0, done.stderr
    assert b"authorization: bearer t0k\r\n" in requests[0].lower()


def test_an_id_with_a_slash_stays_one_path_segment(commands: Commands) -> None:
    requests: list[bytes] = []

    def play(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with peer(play) as endpoint:
        done = commands.run("api", "sessions", "terminate", "a/b ?", "-e", endpoint)
    assert (done.returncode, done.stdout) == (0, "")
    assert requests[0].startswith(b"POST /v1/sessions/a%2Fb%20%3F/terminate ")


def test_stream_chunks_are_printed_as_they_arrive_and_ctrl_c_ends_quietly(commands: Commands) -> None:
    def endless(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(STREAM_HEAD + chunk(b"data: first\n\n"))
        connection.recv(1)  # until the client hangs up

    # Whoever runs the tests in the background of a script ignores SIGINT, and so would every command that they start.
    with peer(endless) as endpoint, follow(commands, endpoint, *INTERRUPTIBLE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "data: first\n"
        reader.send_signal(signal.SIGINT)
        _, stderr = reader.communicate(timeout=TIMEOUT)
    assert (reader.returncode, stderr.strip()) == (130, "")


def test_a_reader_that_goes_away_ends_the_command_quietly(commands: Commands) -> None:
    def torrent(connection: socket.socket) -> None:
        read_request(connection)
        try:
            connection.sendall(STREAM_HEAD)
            while True:
                connection.sendall(chunk(b"data: more\n\n" * 1000))
        except OSError:
            return

    with peer(torrent) as endpoint, follow(commands, endpoint) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "data: more\n"
        reader.stdout.close()
        assert reader.stderr is not None
        stderr = reader.stderr.read()
        reader.wait(TIMEOUT)
    assert (reader.returncode, stderr) == (141, "")


def follow(commands: Commands, endpoint: str, *launcher: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*launcher, *COMMAND, "api", "sessions", "events-sse", "s", "-e", endpoint],
        env=commands.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
