"""Descriptors: what many connections, a low limit, and a system that has none left do to a daemon."""

import resource
import socket
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox_agent.actors.machine.descriptors import SESSION

from ..commands import READABLE, TIMEOUT, Commands
from ..processes import descendants
from ..running import RunningDaemon, daemon

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}
LIMITED = """
import os, resource, sys
soft, hard, *argv = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(soft), int(hard)))
os.execv(argv[0], argv)
"""


@contextmanager
def limited(commands: Commands, soft: int, hard: int, *options: str) -> Generator[RunningDaemon]:
    """A daemon that is started under another limit of open files."""
    program = [sys.executable, "-c", LIMITED, str(soft), str(hard), *READABLE]
    with daemon(commands, *options, env=TOKEN, program=program) as running:
        yield running


def client(running: RunningDaemon) -> httpx.Client:
    headers = {"Authorization": f"Bearer {TOKEN['SANDBOX_AGENT_TOKEN']}"}
    return httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False)


def port_of(running: RunningDaemon) -> int:
    return int(running.url.rpartition(":")[2])


def idle(running: RunningDaemon, count: int, keep: ExitStack) -> list[socket.socket]:
    """Connections that say nothing; each is taken by the daemon, or at least by the kernel."""
    return [
        keep.enter_context(socket.create_connection(("127.0.0.1", port_of(running)), TIMEOUT)) for _ in range(count)
    ]


def create(api: httpx.Client, session_id: str) -> httpx.Response:
    return api.post(f"/v1/sessions/{session_id}", json={"agent": "mock"})


def turn(api: httpx.Client, session_id: str) -> str:
    answer = api.post(f"/v1/sessions/{session_id}/messages/stream", json={"message": "hello"})
    assert answer.status_code == 200, answer.text
    return answer.text


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def until(condition: Callable[[], Any]) -> Any:
    began = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - began < TIMEOUT, "it did not come about"
        time.sleep(0.01)
    return found


@pytest.fixture
def room() -> Generator[None]:
    """This test opens more than a shell usually allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("hard", [1024, None])
def test_a_thousand_silent_connections_starve_nobody_who_has_a_token(commands: Commands, hard: int | None) -> None:
    most = hard or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with limited(commands, min(1024, most), most) as running, ExitStack() as keep, client(running) as api:
        silent = idle(running, 1100, keep)
        assert create(api, "s").status_code == 200
        assert "turn.ended" in turn(api, "s")
        assert api.post("/v1/sessions/s/terminate").status_code == 204
        assert api.get("/v1/sessions/s").json()["ended"] is True
        # What went are the oldest of them; the newest still have their time.
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)
        assert silent[0].recv(1) == b""
        assert descriptors(running.process.pid) < min(1024, most)


def test_a_stream_with_a_token_is_not_closed_for_its_silent_neighbours(commands: Commands) -> None:
    with daemon(commands, "--max-connections-without-token", "4", env=TOKEN) as running, ExitStack() as keep:
        api = keep.enter_context(client(running))
        assert create(api, "s").status_code == 200
        streams = [keep.enter_context(api.stream("GET", "/v1/sessions/s/events/sse")) for _ in range(8)]
        readers = [stream.iter_lines() for stream in streams]
        for reader in readers:
            next(line for line in reader if "session.started" in line)
        idle(running, 50, keep)
        turn(api, "s")
        for reader in readers:
            assert next(line for line in reader if "turn.ended" in line)


def test_who_comes_when_all_connections_are_busy_is_told_so_and_idle_ones_make_room(commands: Commands) -> None:
    with daemon(commands, "--max-connections", "3", env=TOKEN) as running, ExitStack() as keep:
        api = keep.enter_context(client(running))
        assert create(api, "s").status_code == 200  # this connection is idle now, and trusted
        readers = []
        for _ in range(3):  # the third takes the place of the idle one
            stream = keep.enter_context(keep.enter_context(client(running)).stream("GET", "/v1/sessions/s/events/sse"))
            readers.append(stream.iter_lines())
            next(line for line in readers[-1] if "session.started" in line)
        with client(running) as late:
            answer = late.get("/v1/health")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith(":too_many_connections")
        assert "--max-connections" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "1"


def test_with_few_descriptors_a_session_more_is_a_503_that_says_so_and_the_others_work(commands: Commands) -> None:
    with limited(commands, 96, 96) as running, client(running) as api:
        before = descriptors(running.process.pid)
        answers = [create(api, f"s{number}") for number in range(20)]
        made = [number for number, answer in enumerate(answers) if answer.status_code == 200]
        assert 2 <= len(made) < 20
        # The figure that the sizing counts with, measured; our own connection is the one besides.
        assert descriptors(running.process.pid) - before == len(made) * SESSION + 1
        for answer in answers[len(made) :]:
            assert answer.status_code == 503
            problem = answer.json()
            assert problem["type"].endswith(":resource_exhausted")
            assert problem["resource"] == "file descriptors"
            assert "ulimit -n" in problem["detail"]
            assert answer.headers["retry-after"] == "5"
        for number in made:
            assert "turn.ended" in turn(api, f"s{number}")
        assert api.delete(f"/v1/sessions/s{made[0]}").status_code == 204
        assert create(api, "another").status_code == 200
        assert api.get("/v1/health").json()["status"] == "ok"
        running.close()
    assert "Traceback" not in running.stderr
    assert running.stderr.count("limit of open files is too low") == 1


def test_a_prompt_whose_agent_cannot_be_started_again_says_why(commands: Commands) -> None:
    with limited(commands, 96, 96, "--suspend-after", "0.2") as running, client(running) as api:
        assert create(api, "s").status_code == 200
        turn(api, "s")
        until(lambda: api.get("/v1/sessions/s").json()["status"] == "suspended")
        limits = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(
            running.process.pid, resource.RLIMIT_NOFILE, (descriptors(running.process.pid) + 20, limits[1])
        )
        api.post("/v1/sessions/s/messages", json={"message": "again"})
        error = until(lambda: [e for e in api.get("/v1/sessions/s/events").json()["events"] if e["type"] == "error"])[0]
        assert error["data"]["code"] == "resource_exhausted"
        assert "file descriptors" in error["data"]["message"]
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, limits)
        assert "turn.ended" in turn(api, "s")


def test_without_descriptors_accept_waits_says_so_once_and_goes_on(commands: Commands) -> None:
    with daemon(commands, env=TOKEN, program=READABLE) as running, ExitStack() as keep:
        pid = running.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with client(running) as api:
            assert api.get("/v1/agents").status_code == 200
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid), limits[1]))
            waiting = idle(running, 5, keep)
            until(lambda: "no connection can be accepted" in running.stderr)
            assert api.get("/v1/sessions").status_code == 200  # who is there is served
            # Long enough for many tries.
            time.sleep(3)
            assert running.stderr.count("no connection can be accepted") == 1
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            waiting[-1].sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert waiting[-1].recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        running.close()
    assert running.stderr.count("no connection can be accepted") == 1
    assert running.stderr.count("connections are accepted again") == 1
    assert "Traceback" not in running.stderr


def limits_of(pid: int) -> Mapping[str, tuple[str, str]]:
    rows = (line.rsplit(maxsplit=3) for line in Path(f"/proc/{pid}/limits").read_text().splitlines()[1:])
    return {row[0].strip(): (row[1], row[2]) for row in rows if len(row) == 4}


def test_the_daemon_may_open_more_files_than_its_agents_which_get_what_it_was_given(commands: Commands) -> None:
    hard = min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    with limited(commands, 777, hard) as running, client(running) as api:
        assert create(api, "s").status_code == 200
        assert limits_of(running.process.pid)["Max open files"] == (str(hard), str(hard))
        agents = descendants(running.process.pid)
        assert agents
        assert {limits_of(pid)["Max open files"] for pid in agents} == {("777", str(hard))}


def test_a_connection_that_sends_no_whole_head_in_time_is_closed(commands: Commands) -> None:
    with daemon(commands, "--request-head-timeout", "0.3", env=TOKEN) as running, ExitStack() as keep:
        silent, slow = idle(running, 2, keep)
        slow.sendall(b"GET /v1/health HT")
        assert silent.recv(1 << 16) == b""
        assert slow.recv(1 << 16) == b""
        # Between two requests it may be idle for longer, but what has begun must go on.
        (kept,) = idle(running, 1, keep)
        kept.sendall(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        time.sleep(1)
        kept.sendall(b"GET /v1/health HTTP/1.1\r\nHost: loc")
        while data := kept.recv(1 << 16):
            assert b"HTTP/1.1" not in data
