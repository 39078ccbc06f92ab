"""Squatting and stealing of a unix socket: another user's hands, what a dead daemon left, what a living one has."""

import os
import socket
import stat
import struct
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from sandbox_agent.transport.guard.auth import Auth
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.listening import peer
from sandbox_agent.transport.listening.unix_address import MAX_PATH_BYTES, UnixAddress
from sandbox_agent.transport.listening.unix_socket import SocketRefused, listen, make_safe
from sandbox_agent.transport.server import serve_daemon

from ..door import Door
from ..raw import HANDSHAKE, Raw
from ..serving import LIMIT, serving


@asynccontextmanager
async def at(path: Path, token: str | None = None):
    """A client of a server on that socket."""
    door = Door()
    door.session("s")
    async with (
        serving(door, token=token, host=f"unix:{path}") as served,
        httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://localhost", timeout=LIMIT
        ) as client,
    ):
        assert served.url == f"unix:{path}"
        yield client


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run" / "api.sock"


async def test_a_socket_is_its_users_alone_and_its_directory_too(place: Path):
    umask = os.umask(0)
    try:
        async with at(place, token="right-token") as client:
            assert stat.S_IMODE(place.stat().st_mode) == 0o600
            assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
            assert (await client.get("/v1/sessions")).status_code == 401
            headers = {"Authorization": "Bearer right-token"}
            assert (await client.get("/v1/sessions", headers=headers)).status_code == 200
    finally:
        os.umask(umask)
    assert not place.exists(), "it is removed in the end"


async def test_streams_and_websockets_go_over_it(place: Path):
    async with at(place) as client:
        async with client.stream("GET", "/v1/sessions/s/events/sse") as stream:
            assert stream.headers["content-type"] == "text/event-stream"
        async with await trio.open_unix_socket(place) as socket_stream:
            raw = Raw(socket_stream)
            await raw.send(HANDSHAKE)
            assert (await raw.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


async def test_a_proxy_that_leads_to_it_passes_no_rebound_name(place: Path):
    async with at(place) as client:
        assert (await client.get("/v1/sessions")).status_code == 200
        assert (await client.get("/v1/sessions", headers={"Host": "evil.example"})).status_code == 403
        page = {"Origin": "https://evil.example"}
        assert (await client.post("/v1/sessions/s/messages", json={"message": "x"}, headers=page)).status_code == 403


async def test_another_users_process_is_told_and_left(place: Path, monkeypatch: pytest.MonkeyPatch):
    """As if the socket's mode had been opened: what the kernel says of the other end decides."""
    stranger = struct.Struct("3i").pack(4711, os.geteuid() + 4711, 4711)

    class Stranger(peer.Credentials):
        @classmethod
        def of(cls, connected: object) -> peer.Credentials:
            pid, uid, _ = struct.Struct("3i").unpack(stranger)
            return peer.Credentials(pid, uid)

    monkeypatch.setattr("sandbox_agent.transport.http.server.Credentials", Stranger)
    async with at(place) as client:
        answer = await client.get("/v1/health")
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (403, "permission_denied")


async def test_what_a_dead_daemon_left_is_replaced(place: Path):
    place.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
        dead.listen()
    assert place.is_socket()
    bound = listen(UnixAddress(str(place)), 1)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
    bound.listener.socket.close()
    bound.remove()
    assert not place.exists()


def test_a_living_daemons_socket_is_refused_with_its_pid(place: Path):
    place.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(place))
        living.listen()
        with pytest.raises(SocketRefused, match=f"pid {os.getpid()} listens at"):
            listen(UnixAddress(str(place)), 1)
        assert place.is_socket()


def test_what_is_no_socket_is_not_removed(place: Path):
    place.parent.mkdir(mode=0o700)
    place.write_text("precious")
    with pytest.raises(SocketRefused, match="is no socket"):
        listen(UnixAddress(str(place)), 1)
    assert place.read_text() == "precious"


def test_a_link_in_its_place_is_not_followed(place: Path):
    place.parent.mkdir(mode=0o700)
    place.symlink_to(place.parent / "elsewhere")
    with pytest.raises(SocketRefused, match="is no socket"):
        listen(UnixAddress(str(place)), 1)


async def test_a_socket_that_somebody_put_in_its_place_is_not_removed(place: Path):
    bound = listen(UnixAddress(str(place)), 1)
    place.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place))
        bound.listener.socket.close()
        bound.remove()
        assert place.is_socket()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_directory_that_others_may_write_is_refused(place: Path, mode: int):
    place.parent.mkdir()
    place.parent.chmod(mode)
    with pytest.raises(SocketRefused, match="others may write into"):
        make_safe(place.parent)


def test_a_directory_below_one_that_others_may_write_is_refused_unless_it_is_sticky(place: Path):
    place.parent.mkdir()
    place.parent.chmod(0o777)
    with pytest.raises(SocketRefused, match="others may write into"):
        make_safe(place.parent / "below")
    place.parent.chmod(0o1777)
    make_safe(place.parent / "other")
    assert stat.S_IMODE((place.parent / "other").stat().st_mode) == 0o700


def test_another_users_directory_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch):
    place.parent.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(place.parent, 4711, 4711)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(SocketRefused, match="another user's"):
        make_safe(place.parent)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("unix:run/api.sock", "absolute path"),
        ("unix:", "absolute path"),
        ("unix:/run/", "not a directory"),
        ("unix:/run/a.sock:base", "base path"),
        (f"unix:/{'x' * MAX_PATH_BYTES}", f"at most {MAX_PATH_BYTES} bytes"),
        (f"unix:/{'ü' * (MAX_PATH_BYTES // 2 + 1)}", f"at most {MAX_PATH_BYTES} bytes"),
    ],
)
def test_an_address_that_cannot_be_says_why(text: str, advice: str):
    with pytest.raises(ValueError, match=advice):
        UnixAddress.parse(text)


def test_the_longest_path_that_the_system_takes_is_taken(tmp_path: Path):
    path = str(tmp_path / "x").ljust(MAX_PATH_BYTES, "x")
    assert UnixAddress.parse(f"unix:{path}") == UnixAddress(path)
    with socket.socket(socket.AF_UNIX) as longest:
        longest.bind(path)


def test_addresses_are_written_as_they_are_read():
    for text in ("unix:/run/a.sock", "unix:/run/a.sock:/base"):
        assert str(UnixAddress.parse(text)) == text
    assert UnixAddress.parse("127.0.0.1") is None


async def test_a_server_that_cannot_listen_there_says_why(place: Path):
    place.parent.mkdir()
    place.parent.chmod(0o777)
    serve = partial(serve_daemon, Door(), host=f"unix:{place}", port=0, auth=Auth("right-token"), cors=Cors())
    with pytest.raises(ExceptionGroup) as failed:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve)
    assert failed.group_contains(SocketRefused, match="others may write")
