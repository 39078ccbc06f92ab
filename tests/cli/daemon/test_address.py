"""Commands find the daemon by its data directory, and give the stored token to nobody else."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from structlog.testing import capture_logs

from sandbox_agent.actors.machine.owner import Owner, ProcessId, read_living
from sandbox_agent.cli.address import Address, owner_of, path_of, publish, resolved, running, withdraw
from sandbox_agent.cli.daemon.asked import Asked
from sandbox_agent.cli.endpoint import Endpoint
from sandbox_agent.cli.server.serve import _publish
from sandbox_agent.cli.server.server_options import ServerOptions
from sandbox_agent.cli.server.server_token import ServerToken
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.guard.host_names import AllowedHosts
from sandbox_agent.transport.listening.prover import Prover

from ..api.peer import peer, read_request
from ..commands import Commands
from ..running import daemon

LIST = ("api", "agents", "list")


def address(directory: Path, **changes: Any) -> Address:
    """Of this process."""
    said = Address(
        owner=str(Owner.own()),
        directory=resolved(directory),
        host="127.0.0.1",
        urls=("http://127.0.0.1:2468",),
        log=None,
        shutdown_timeout=1.0,
        ephemeral=False,
    )
    return attrs.evolve(said, **changes)


def data_dir(commands: Commands) -> Path:
    return commands.home / ".local" / "share" / "sandbox-agent"


def test_what_was_published_is_found_by_every_name_of_its_directory_and_by_its_owner_only(tmp_path: Path) -> None:
    directory, link = tmp_path / "data", tmp_path / "link"
    link.symlink_to(directory)
    publish(address(directory))
    assert owner_of(directory) == owner_of(link) == address(directory)
    file = path_of(directory, os.getpid())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == [file.name]
    withdraw(directory, os.getpid())
    assert owner_of(directory) is None
    withdraw(directory, os.getpid())


def test_one_that_keeps_nothing_owns_no_directory(tmp_path: Path) -> None:
    """Also where data and state are in one."""
    publish(address(tmp_path, ephemeral=True))
    assert (running(tmp_path), owner_of(tmp_path)) == ([address(tmp_path, ephemeral=True)], None)


def test_what_another_process_left_is_nobodys_and_goes_with_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        process = read_living(other.pid)
        assert process is not None
        publish(address(tmp_path, owner=str(Owner.here(process))))
        assert owner_of(tmp_path) is not None
        other.communicate(b"\n")
    assert owner_of(tmp_path) is None
    assert path_of(tmp_path, process.pid).exists()
    publish(address(tmp_path))
    assert not path_of(tmp_path, process.pid).exists()
    assert owner_of(tmp_path) == address(tmp_path)


def test_a_pid_alone_is_no_daemon(tmp_path: Path) -> None:
    me = Owner.own()
    assert me is not None
    late = attrs.evolve(me, process=attrs.evolve(me.process, started=me.process.started + 1))
    for owner in (late, attrs.evolve(me, boot="0" * 32), attrs.evolve(me, namespace=me.namespace + 1)):
        publish(address(tmp_path, owner=str(owner)))
        assert running(tmp_path) == []


def test_one_in_another_pid_namespace_is_not_found_and_not_removed(tmp_path: Path) -> None:
    me = Owner.own()
    assert me is not None
    stranger = Owner(attrs.evolve(me.process, pid=1 << 22), me.namespace + 1, me.boot)
    publish(address(tmp_path, owner=str(stranger)))
    publish(address(tmp_path))
    assert running(tmp_path) == [address(tmp_path)]
    assert path_of(tmp_path, 1 << 22).exists()


def test_a_copy_of_the_directory_does_not_lead_to_the_original(tmp_path: Path) -> None:
    publish(address(tmp_path / "data"))
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert owner_of(tmp_path / "copy") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "{", '"x"', '{"owner": 1}', "\xff", "[" * 50_000],
)
def test_a_file_that_nobody_wrote_here_is_passed_over(tmp_path: Path, text: str) -> None:
    file = path_of(tmp_path, os.getpid())
    file.write_text(text)
    file.chmod(0o600)
    assert running(tmp_path) == []


@pytest.mark.parametrize("change", [{"urls": []}, {"urls": ["x"]}, {"urls": None}, {"owner": "x"}, {"more": 1}])
def test_an_address_that_is_not_whole_is_passed_over(tmp_path: Path, change: dict[str, Any]) -> None:
    publish(address(tmp_path))
    file = path_of(tmp_path, os.getpid())
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert running(tmp_path) == []


def test_one_that_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    publish(address(tmp_path))
    file = path_of(tmp_path, os.getpid())
    file.chmod(0o620)
    assert owner_of(tmp_path) is None
    file.chmod(0o600)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert owner_of(tmp_path) is None
    file.unlink()
    os.mkfifo(file, 0o600)
    assert owner_of(tmp_path) is None, "and a FIFO makes nobody wait"


@pytest.mark.parametrize(
    ("urls", "endpoint", "meant"),
    [
        (["http://127.0.0.1:2468"], "http://127.0.0.1:2468", "http://127.0.0.1:2468"),
        (["http://127.0.0.1:2468"], "http://localhost:2468", "http://127.0.0.1:2468"),
        (["http://127.0.0.1:2468/a"], "http://localhost:2468/a", "http://127.0.0.1:2468/a"),
        (["http://127.0.0.1:2468"], "http://127.0.0.1:2469", None),
        (["http://127.0.0.1:2468"], "http://127.0.0.2:2468", None),
        (["http://127.0.0.1:2468"], "http://[::1]:2468", None),
        (["http://127.0.0.1:2468"], "https://127.0.0.1:2468", None),
        (["http://127.0.0.1:80"], "http://127.0.0.1", "http://127.0.0.1"),
        (["http://127.0.0.1:2468"], "http://example.test:2468", None),
        (["http://0.0.0.0:2468"], "http://127.0.0.9:2468", "http://127.0.0.9:2468"),
        (["http://0.0.0.0:2468"], "http://localhost:2468", "http://127.0.0.1:2468"),
        (["http://0.0.0.0:2468"], "http://[::1]:2468", None),
        (["http://0.0.0.0:2468"], "http://10.0.0.1:2468", None),
        (["http://[::]:2468"], "http://localhost:2468", "http://[::1]:2468"),
        (["http://[::1]:1", "http://127.0.0.1:2468"], "http://localhost:2468", "http://127.0.0.1:2468"),
        (["http://10.0.0.1:2468"], "http://10.0.0.1:2468", "http://10.0.0.1:2468"),
        (["http://10.0.0.1:2468"], "http://localhost:2468", None),
    ],
)
def test_an_endpoint_is_ours_when_it_is_where_we_listen(urls: list[str], endpoint: str, meant: str | None) -> None:
    served = address(Path("/"), urls=tuple(urls)).serves(Endpoint.parse(endpoint))
    assert (None if served is None else served.url) == meant


@pytest.mark.parametrize(
    ("host", "told", "url", "fits"),
    [
        (None, "127.0.0.1", "http://127.0.0.1:1", True),
        ("127.0.0.1", "localhost", "http://127.0.0.1:1", True),
        ("LOCALHOST", "127.0.0.1", "http://127.0.0.1:1", True),
        ("::1", "[::1]", "http://[::1]:1", True),
        ("127.0.0.1", "0.0.0.0", "http://0.0.0.0:1", True),
        ("box", "Box", "http://10.0.0.1:1", True),
        ("box", None, "http://10.0.0.1:1", False),
        ("0.0.0.0", "127.0.0.1", "http://127.0.0.1:1", False),
        ("localhost", "10.0.0.1", "http://10.0.0.1:1", False),
    ],
)
def test_a_host_that_was_asked_for_is_the_one_that_was_told_or_its_address(
    host: str | None, told: str | None, url: str, fits: bool
) -> None:
    assert Asked(host, None).fits(told, [url]) is fits
    assert Asked(host, 2).fits(told, [url]) is False


@pytest.mark.parametrize(
    "options",
    [(), ("--host", "0.0.0.0"), ("--base-path", "/agents")],
    ids=" ".join,
)
def test_a_server_in_the_foreground_is_found_whatever_its_port_is(commands: Commands, options: tuple[str, ...]) -> None:
    with daemon(commands, *options) as running_daemon:
        done = commands.run(*LIST)
        assert done.returncode == 0, done.stderr
        with_localhost = running_daemon.url.replace("0.0.0.0", "localhost").replace("127.0.0.1", "localhost")
        done = commands.run(*LIST, "-e", with_localhost)
        assert done.returncode == 0, done.stderr
        assert commands.run("daemon", "status").returncode == 0
    assert list(data_dir(commands).glob("daemon-*")) == []
    assert commands.run("daemon", "status").returncode == 3


def test_another_directory_is_named_to_the_client_as_to_the_server(commands: Commands, tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "other"))
    with daemon(commands, *where), daemon(commands, "--no-token") as default:
        assert commands.run("api", "sessions", "create", "here", "-a", "mock", *where).returncode == 0
        assert json.loads(commands.run("api", "sessions", "list").stdout)["sessions"] == []
        found = commands.run("api", "sessions", "list", env={"SANDBOX_AGENT_DATA_DIR": where[1]})
        assert [session["sessionId"] for session in json.loads(found.stdout)["sessions"]] == ["here"]
        assert f"url: {default.url}\n" in commands.run("daemon", "status").stdout


def test_one_that_keeps_nothing_is_called_by_its_url_and_does_not_stand_for_the_directory(commands: Commands) -> None:
    with daemon(commands, "--ephemeral") as first, daemon(commands, "--ephemeral") as second:
        for url in (first.url, second.url):
            done = commands.run(*LIST, "-e", url)
            assert done.returncode == 0, done.stderr
        assert commands.run("daemon", "status").returncode == 3
    assert list(commands.token_file.parent.glob("daemon-*")) == []
    assert not data_dir(commands).exists()


def test_what_a_killed_one_left_is_not_taken_for_a_daemon(commands: Commands) -> None:
    with daemon(commands) as killed:
        killed.process.kill()
        killed.wait_ended()
        assert len(list(data_dir(commands).glob("daemon-*"))) == 1
        assert commands.run("daemon", "status").returncode == 3
        done = commands.run("daemon", "stop")
        assert (done.returncode, done.stdout) == (0, "not running\n")
    with daemon(commands) as again:
        [file] = data_dir(commands).glob("daemon-*")
        assert file.name == f"daemon-{again.process.pid}.json"


def test_the_stored_token_goes_to_nobody_who_only_listens_on_the_port(commands: Commands) -> None:
    """After the daemon is gone anybody may listen where it did: another user too."""
    with daemon(commands):
        pass
    token = commands.token_file.read_text().strip()
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")

    with peer(listen) as endpoint:
        done = commands.run(*LIST, "-e", endpoint)
    assert done.returncode == 1
    assert "is sent only to the daemon of the data directory" in done.stderr
    # And where an address says that it is there: that of a process which does not live, or one for another directory.
    dead = Owner.here(ProcessId(os.getpid(), 1))
    for owner, directory in ((dead, data_dir(commands)), (Owner.own(), Path("/elsewhere"))):
        with peer(listen) as endpoint:
            stale = address(directory, owner=str(owner), urls=(endpoint,))
            file = path_of(data_dir(commands), os.getpid())
            file.write_text(json.dumps(attrs.asdict(stale)))
            file.chmod(0o600)
            assert commands.run(*LIST, "-e", endpoint).returncode == 1
    assert len(heard) == 3
    assert not any(token.encode() in request or b"uthorization" in request for request in heard)


async def test_an_address_that_cannot_be_kept_is_told_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a directory must be")
    options = ServerOptions(
        host="127.0.0.1",
        port=0,
        token=ServerToken(None),
        allowed_hosts=AllowedHosts(),
        cors=Cors(),
        settings=Settings(data_dir=str(tmp_path / "file")),
    )
    with capture_logs() as told:
        await _publish(["http://127.0.0.1:1"], options, Prover())
    [line] = told
    assert (line["log_level"], line["error"]) == ("warning", "File exists")
    assert "--endpoint" in line["event"]


def test_logs_go_to_the_file_of_the_directory_when_that_is_said_and_it_is_told_which(commands: Commands) -> None:
    with daemon(commands, "--log-to-file") as found:
        log = commands.token_file.parent / "daemons"
        [file] = log.glob("*/daemon.log")
        assert f"log: {file}\n" in commands.run("daemon", "status").stdout
        assert commands.run(*LIST).returncode == 0
        found.close()
        assert f"logging to {file}" in found.stderr
        assert "request" not in found.stderr
    assert "path=/v1/agents" in file.read_text()


@pytest.mark.parametrize("options", [("--log-file", "x.log"), ("--ephemeral",)])
def test_which_file_would_be_meant_must_be_clear(commands: Commands, options: tuple[str, ...]) -> None:
    done = commands.run("server", "--port", "0", "--log-to-file", *options)
    assert done.returncode == 2
    assert "--log-file" in done.stderr
