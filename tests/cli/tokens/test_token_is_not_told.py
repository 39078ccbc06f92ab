"""A token travels in one header, and in no message, whatever goes wrong around it: MARK is in nothing that is said."""

import json
import socket
import subprocess

import pytest

from ..api.peer import peer, read_request
from ..commands import TIMEOUT, Commands
from ..running import RunningDaemon, daemon
from ..server.test_server import status

MARK = "marker-of-the-test"
BAD = [f"{MARK}\nb", f"{MARK} b", f"{MARK}\x01", f"{MARK}\u2192", f"{MARK}\x7f"]
CALL = ("api", "agents", "list")
SERVER = ("server", "--port", "0")
START = ("daemon", "start", "--port", "0")


def unsaid(done: "subprocess.CompletedProcess[str]", returncode: int) -> str:
    assert done.returncode == returncode, done.stderr
    assert MARK not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("words", "bad"),
    [*((CALL, bad) for bad in BAD), (SERVER, BAD[0]), (SERVER, BAD[3]), (START, BAD[1]), (START, BAD[2])],
)
def test_a_token_that_no_header_can_hold_is_refused_before_anything_is_done(
    commands: Commands, words: tuple[str, ...], bad: str
) -> None:
    assert "SANDBOX_AGENT_TOKEN" in unsaid(commands.run(*words, env={"SANDBOX_AGENT_TOKEN": bad}), 1)
    assert "--token" in unsaid(commands.run(*words, "--token", bad), 2)
    assert "--token" in unsaid(commands.run("--token", bad, *words), 2)
    (commands.home / "t").write_text(bad)
    assert "one token" in unsaid(commands.run(*words, "--token-file", "t"), 1)


@pytest.mark.parametrize("words", [SERVER, START, CALL], ids=" ".join)
def test_an_empty_token_is_not_taken_for_none(commands: Commands, words: tuple[str, ...]) -> None:
    assert "--token is empty" in unsaid(commands.run(*words, "--token", ""), 2)
    assert "SANDBOX_AGENT_TOKEN is empty" in unsaid(commands.run(*words, env={"SANDBOX_AGENT_TOKEN": " \n"}), 1)
    assert not commands.token_file.exists()


def test_a_line_end_makes_no_difference_on_either_side(commands: Commands) -> None:
    with daemon(commands, env={"SANDBOX_AGENT_TOKEN": f"{MARK}\n"}) as running:
        assert status(f"{running.url}/v1/agents", MARK) == 200
        at = (*CALL, "-e", running.url)
        for words, env in (
            (at, {"SANDBOX_AGENT_TOKEN": f" {MARK}\r\n"}),
            ((*at, "--token", f"{MARK}\n"), {}),
            (("--token", f"\t{MARK}", *at), {}),
        ):
            done = commands.run(*words, env=env)
            assert done.returncode == 0, done.stderr
    with daemon(commands, "--token", f"{MARK} ") as running:
        assert status(f"{running.url}/v1/agents", MARK) == 200


def test_a_token_beyond_ascii_works_on_both_sides(commands: Commands) -> None:
    env = {"SANDBOX_AGENT_TOKEN": "schl\u00fcssel"}
    with daemon(commands, env=env) as running:
        done = commands.run(*CALL, "-e", running.url, env=env)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "endpoint",
    [
        f"http://user:{MARK}@127.0.0.1:1",
        f"http://{MARK}@127.0.0.1:1/agents",
        f"http://127.0.0.1:1/?token={MARK}",
        f"http://127.0.0.1:1/#{MARK}",
        f"http://{MARK}@[::1",
        f"ftp://x:{MARK}@host",
        f"http://x:{MARK}@host:port",
    ],
)
def test_an_endpoint_that_holds_a_token_is_refused_without_telling_it(commands: Commands, endpoint: str) -> None:
    unsaid(commands.run(*CALL, "-e", endpoint), 2)
    unsaid(commands.run(*CALL, env={"SANDBOX_AGENT_ENDPOINT": endpoint}), 2)


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_what_the_other_side_repeats_of_our_request_is_masked(commands: Commands, kind: str) -> None:
    """As a proxy's page for debugging does."""

    def echo(connection: socket.socket) -> None:
        head = read_request(connection).decode()
        body = json.dumps({"detail": head}) if kind == "application/json" else head
        connection.sendall(f"HTTP/1.1 502 {MARK}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{body}".encode())

    with peer(echo) as endpoint:
        said = unsaid(commands.run(*CALL, "-e", endpoint, env={"SANDBOX_AGENT_TOKEN": MARK}), 1)
    assert "Bearer [token]" in said


def test_a_header_that_cannot_be_sent_is_told_without_its_value(commands: Commands) -> None:
    words = ("api", "sessions", "terminate", "s", "--key", f"{MARK}\nb", "-e", "http://127.0.0.1:1")
    with daemon(commands, "--no-token") as running:
        assert "--key" in unsaid(commands.run(*words[:-1], running.url), 1)


def test_an_answer_that_leads_elsewhere_is_no_success(commands: Commands) -> None:
    """A provider's page for logging in, for one."""

    def lead(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 302 Found\r\nlocation: https://login.example/\r\ncontent-length: 0\r\n\r\n")

    with peer(lead) as endpoint:
        assert "https://login.example/" in unsaid(commands.run(*CALL, "-e", endpoint, "-n"), 1)


def say(running: RunningDaemon, *lines: str) -> bytes:
    """One request of raw lines, and all that is answered until the daemon closes."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), TIMEOUT) as client:
        client.sendall("\r\n".join((*lines, "", "")).encode())
        client.shutdown(socket.SHUT_WR)
        said = b""
        while data := client.recv(65536):
            said += data
        return said


def test_the_daemon_tells_nobody_what_was_sent_to_it(commands: Commands) -> None:
    request, host, close = "GET /v1/agents HTTP/1.1", "Host: localhost", "Connection: close"
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x")
    with daemon(commands, "--log-level", "debug", env={"SANDBOX_AGENT_TOKEN": MARK}) as running:
        for lines in (
            (request, host, close, f"Authorization: Bearer {MARK}"),
            (request, host, close, f"Authorization: Bearer {MARK}x"),
            (request, host, close, f"Authorization: Bearer {MARK}\x01"),
            (request, host, close, f"Authorization: {MARK}"),
            (request, host, close, f"Authorization: Basic {MARK}"),
            (request, host, close, f"Authorization : Bearer {MARK}"),
            (request, host, close, f"Authorization: Bearer {MARK}", "no header"),
            (request, host, close, f"Authorization: Bearer {MARK}", f"Authorization: Bearer {MARK}"),
            (request, f"Authorization: Bearer {MARK}"),
            (request.replace("1.1", "9"), host, f"Authorization: Bearer {MARK}"),
            (request.replace("agents", f"agents?token={MARK}"), host, close),
            (request.replace("agents", "sessions/s/ws"), host, f"Authorization: Bearer {MARK}", *upgrade),
        ):
            assert MARK.encode() not in say(running, *lines), lines
        running.close()
        assert MARK not in running.stderr
