"""The stored token goes to the daemon of the data directory and to nobody who only stands where it is looked for."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import httpx
import pytest

from sandbox_agent.actors.machine.owner import Owner
from sandbox_agent.cli.address import path_of
from sandbox_agent.cli.token_store import make_token
from sandbox_agent.transport.listening.prover import Prover

from ...transport.listening.certificates import make_pair
from ..api.peer import peer, read_request
from ..commands import TIMEOUT, Commands
from ..running import daemon
from .test_address import LIST, address, data_dir


def put(commands: Commands, **changes: object) -> None:
    """An address file of this process, which lives."""
    data_dir(commands).mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path_of(data_dir(commands), os.getpid())
    told = address(data_dir(commands), owner=str(Owner.own()), proof_key=Prover().key, **changes)
    file.write_text(json.dumps(attrs.asdict(told)))
    file.chmod(0o600)


@pytest.fixture
def token(commands: Commands) -> str:
    """As a daemon stores it."""
    return make_token(commands.token_file)


ANSWERS = {
    "no proof": b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"agents":[]}',
    "a wrong proof": b'HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n{"proof": "' + b"0" * 64 + b'"}',
    "a proof that is none": b'HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{"proof": {}}',
    "401": b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
    "noise": b"\xff\xfe\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_listener_on_the_address_of_a_living_process_gets_no_token(
    commands: Commands, token: str, answer: str
) -> None:
    """As after a pid was given anew, or where another has the daemon's port in another network namespace."""
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(ANSWERS[answer])

    for named in (False, True):
        with peer(listen) as endpoint:
            put(commands, urls=(endpoint,))
            done = commands.run(*LIST, *(("-e", endpoint) if named else ()))
        assert done.returncode == 1
        assert "is not the daemon of" in done.stderr or "broke" in done.stderr
    assert len(heard) == 2
    assert not any(token.encode() in request or b"uthorization" in request for request in heard)


@contextmanager
def relay(url: str, heard: list[bytes]) -> Generator[str]:
    """Passes everything on to the daemon and back."""
    there = urlsplit(url)

    def copy(source: socket.socket, target: socket.socket, keep: list[bytes]) -> None:
        try:
            while data := source.recv(65536):
                keep.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def play(client: socket.socket) -> None:
        with socket.create_connection((there.hostname or "", there.port or 0), timeout=TIMEOUT) as daemon_side:
            back = threading.Thread(target=copy, args=(daemon_side, client, []))
            back.start()
            copy(client, daemon_side, heard)
            back.join(TIMEOUT)

    with peer(play) as endpoint:
        yield endpoint


def test_who_passes_the_challenge_on_to_the_daemon_gets_no_token(commands: Commands) -> None:
    heard: list[bytes] = []
    with daemon(commands) as running, relay(running.url, heard) as endpoint:
        [file] = data_dir(commands).glob("daemon-*.json")
        file.write_text(json.dumps(json.loads(file.read_text()) | {"urls": [endpoint]}))
        done = commands.run(*LIST)
        assert (done.returncode, "is not the daemon of" in done.stderr) == (1, True), done.stderr
    assert b"/v1/proof/" in b"".join(heard)
    assert b"uthorization" not in b"".join(heard)


def test_a_daemon_that_is_too_old_to_prove_anything_gets_no_stored_token(commands: Commands) -> None:
    with daemon(commands) as running:
        [file] = data_dir(commands).glob("daemon-*.json")
        file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "proof_key"}))
        done = commands.run(*LIST)
        assert (done.returncode, "too old to prove" in done.stderr) == (1, True)
        given = {"SANDBOX_AGENT_TOKEN": commands.token_file.read_text().strip()}
        assert commands.run(*LIST, env=given).returncode == 0
        assert commands.run("daemon", "status").returncode == 0
        running.close()


def test_the_key_is_in_the_private_file_and_nowhere_else(commands: Commands) -> None:
    with daemon(commands, "--log-level", "debug") as running:
        [file] = data_dir(commands).glob("daemon-*.json")
        key = json.loads(file.read_text())["proof_key"]
        assert commands.run(*LIST).returncode == 0
        running.close()
        assert key not in running.stderr


# Unix sockets.


@pytest.fixture
def place(commands: Commands) -> Path:
    return commands.home / "run" / "api.sock"


def test_a_daemon_at_a_unix_socket_is_started_found_called_and_stopped(commands: Commands, place: Path) -> None:
    host = f"unix:{place}"
    started = commands.run("daemon", "start", "--host", host, "--base-path", "/base")
    try:
        assert (started.returncode, started.stdout.splitlines()[0]) == (0, f"started: {host}:/base"), started.stderr
        for words in (LIST, (*LIST, "-e", f"{host}:/base")):
            called = commands.run(*words, env={"HTTP_PROXY": "http://127.0.0.1:9"})
            assert called.returncode == 0, called.stderr
        assert commands.run(*LIST, env={"SANDBOX_AGENT_ENDPOINT": f"{host}:/base"}).returncode == 0
        for words, status in (((), 0), (("--host", host), 0), (("--host", "unix:/elsewhere"), 3), (("-p", "80"), 3)):
            assert commands.run("daemon", "status", *words).returncode == status, words
        again = commands.run("daemon", "start", "--host", host)
        assert (again.returncode, "already running" in again.stdout) == (0, True)
        assert commands.run("server", "--host", host, "--ephemeral").returncode == 1
    finally:
        stopped = commands.run("daemon", "stop", "--host", host)
    assert stopped.stdout.startswith("stopped: pid "), stopped.stdout
    assert not place.exists()


def test_a_stream_of_events_comes_over_a_unix_socket(commands: Commands, place: Path) -> None:
    commands.run("daemon", "start", "--host", f"unix:{place}")
    try:
        assert commands.run("api", "sessions", "create", "s", "-a", "mock").returncode == 0
        sent = commands.run("api", "sessions", "send-message-stream", "s", "-m", "echo hello")
        assert (sent.returncode, "turn.ended" in sent.stdout) == (0, True), sent.stderr
    finally:
        commands.run("daemon", "stop")


def test_a_socket_of_another_process_at_the_place_of_the_daemons_gets_no_token(
    commands: Commands, place: Path, token: str
) -> None:
    """It is of our user, and not the one whose address is kept."""
    put(commands, urls=(f"unix:{place}",))
    place.parent.mkdir()
    squatter = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('ready', flush=True)\n"
        "c, _ = s.accept(); sys.stdout.buffer.write(c.recv(65536)); sys.stdout.flush()\n"
    )
    with subprocess.Popen([sys.executable, "-c", squatter, str(place)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        done = commands.run(*LIST)
        assert (done.returncode, f"pid {other.pid} of uid {os.geteuid()} listens there" in done.stderr) == (1, True)
        assert other.communicate(timeout=TIMEOUT)[0] == ""


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        (("--host", "unix:relative.sock"), 2, "absolute path"),
        (("--host", f"unix:/tmp/{'x' * 120}"), 2, "at most 107 bytes"),
        (("--host", "unix:/tmp/door-test.sock"), 1, "others may write into /tmp"),
        (("--tls-cert", "/x"), 2, "belong together"),
        (("--tls-cert", "/x", "--tls-key", "/y"), 1, "cannot be read: No such file"),
        (("--host", "unix:/run/x/y.sock", "--tls-cert", "/x", "--tls-key", "/y"), 2, "needs no TLS"),
    ],
)
def test_a_place_to_listen_that_cannot_be_is_told(
    commands: Commands, options: tuple[str, ...], status: int, reason: str
) -> None:
    done = commands.run("server", "--port", "0", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert reason in " ".join(done.stderr.split())


@pytest.mark.parametrize("endpoint", ["unix:relative", "unix:", f"unix:/{'x' * 120}"])
def test_an_endpoint_that_cannot_be_is_wrong_usage(commands: Commands, endpoint: str) -> None:
    assert commands.run(*LIST, "-e", endpoint).returncode == 2


# TLS.


def test_a_daemon_with_tls_is_found_by_its_proof_and_by_others_by_its_authority(
    commands: Commands, tmp_path: Path
) -> None:
    pair = make_pair(tmp_path)
    pair.key.chmod(0o644)
    tls = ("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))
    started = commands.run("daemon", "start", "--port", "0", *tls)
    try:
        assert started.returncode == 0, started.stderr
        assert "chmod 600" in started.stderr
        url = started.stdout.splitlines()[0].removeprefix("started: ")
        assert url.startswith("https://127.0.0.1:")
        assert commands.run("daemon", "status").returncode == 0
        found = commands.run(*LIST)
        assert found.returncode == 0, found.stderr
        with httpx.Client(verify=False, trust_env=False) as client:
            assert client.get(f"{url}/v1/health", timeout=TIMEOUT).status_code == 200
        elsewhere = {
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_DATA_HOME": str(tmp_path / "data"),
            "SANDBOX_AGENT_TOKEN": commands.token_file.read_text().strip(),
        }
        stranger = commands.run(*LIST, "-e", url, env=elsewhere)
        assert (stranger.returncode, "CERTIFICATE_VERIFY_FAILED" in stranger.stderr) == (1, True)
        for words, more in (
            (("--tls-ca", str(pair.certificate)), {}),
            ((), {"SANDBOX_AGENT_TLS_CA": str(pair.certificate)}),
        ):
            trusted = commands.run(*LIST, "-e", url, *words, env=elsewhere | more)
            assert trusted.returncode == 0, trusted.stderr
        wrong = commands.run(*LIST, "-e", url, "--tls-ca", str(pair.key), env=elsewhere)
        assert (wrong.returncode, "--tls-ca" in wrong.stderr) == (1, True)
    finally:
        commands.run("daemon", "stop")
