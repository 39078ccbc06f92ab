"""A daemon without descriptors ends its agents all the same, however they come to their end, and goes on afterwards."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..commands import READABLE, TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import RunningDaemon, daemon

TOKEN = "a-token-of-the-test"
PATIENCE = TIMEOUT


class Client:
    """Speaks on one connection, which is open before the descriptors are used up."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._connection = HTTPConnection(str(where.hostname), where.port, timeout=TIMEOUT)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def must(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.ask(method, path, body)
        assert 200 <= status < 300, (status, answer)
        return answer

    def status(self, session: str) -> str:
        return self.must("GET", f"/v1/sessions/{session}")["status"]

    def close(self) -> None:
        self._connection.close()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Agents:
    """Sessions whose agents have left processes behind in four ways. ``trees`` are their pids."""

    def __init__(self, running: RunningDaemon, client: Client) -> None:
        self._running = running
        self._client = client
        self.pids: dict[str, int] = {}
        self.trees: dict[str, list[int]] = {}

    def start(self, session: str, **timeouts: float) -> None:
        before = set(descendants(self._running.process.pid))
        self._client.must("POST", f"/v1/sessions/{session}", {"agent": "mock", "timeouts": timeouts})
        (agent,) = set(descendants(self._running.process.pid)) - before
        self._client.must("POST", f"/v1/sessions/{session}/messages/stream", {"message": "spawn"})
        self.pids[session] = agent
        self.trees[session] = sorted(set(descendants(self._running.process.pid)) - before)
        assert len(self.trees[session]) == 5

    def assert_gone(self, session: str) -> None:
        until(lambda: not alive(self.trees[session]), f"of {session} there is left: {alive(self.trees[session])}")


def opened(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextmanager
def flooded(running: RunningDaemon) -> Generator[None]:
    """The daemon may open no more than it has, and whatever it closes is taken by connections that wait for it."""
    pid = running.process.pid
    highest = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, hard))
    where = urlsplit(running.url)
    idle: list[socket.socket] = []
    try:
        idle.extend(socket.create_connection((where.hostname, where.port), TIMEOUT) for _ in range(200))
        until(lambda: opened(pid) == highest + 1, f"it has {opened(pid)} of {highest + 1} descriptors")
        yield
    finally:
        for connection in idle:
            connection.close()
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


WITHOUT_THREADS = """
import signal, sys, threading
from trio._core._thread_cache import THREAD_CACHE
def refuse(thread):
    raise RuntimeError("can't start new thread")
def use_up(*_):
    global begin
    begin, threading.Thread.start = threading.Thread.start, refuse
    THREAD_CACHE._idle_workers = Nobody()
def give_back(*_):
    threading.Thread.start = begin
    THREAD_CACHE._idle_workers = {}
class Nobody(dict):
    def __setitem__(self, worker, value):
        pass
    def __delitem__(self, worker):
        pass
signal.signal(signal.SIGUSR1, use_up)
signal.signal(signal.SIGUSR2, give_back)
from sandbox_agent.cli.main import main
main(sys.argv[1:])
"""
"""No thread can be started from SIGUSR1 to SIGUSR2. (RLIMIT_NPROC does not bind root, and counts all of a user's.)"""


@contextmanager
def a_daemon(
    commands: Commands, *options: str, program: Sequence[str] = READABLE
) -> Generator[tuple[RunningDaemon, Client, Agents]]:
    with daemon(commands, *options, env={"SANDBOX_AGENT_TOKEN": TOKEN}, program=program) as running:
        client = Client(running.url)
        try:
            yield running, client, Agents(running, client)
        finally:
            client.close()


def test_every_end_of_an_agent_is_whole_without_descriptors(commands: Commands) -> None:
    with a_daemon(commands) as (running, client, agents):
        agents.start("terminated")
        agents.start("deleted")
        agents.start("suspended", suspendAfterSeconds=6)
        agents.start("silent", idleSeconds=6)
        agents.start("dies")
        agents.start("stays")
        client.must("POST", "/v1/sessions/silent/messages", {"message": "hang"})
        with flooded(running):
            client.must("POST", "/v1/sessions/terminated/terminate")
            agents.assert_gone("terminated")
            assert client.status("terminated") == "ended"
            client.must("DELETE", "/v1/sessions/deleted")
            agents.assert_gone("deleted")
            os.kill(agents.pids["dies"], signal.SIGKILL)
            agents.assert_gone("dies")
            agents.assert_gone("suspended")
            agents.assert_gone("silent")
            until(lambda: client.status("suspended") == "suspended", "the session was not suspended")
            until(lambda: client.status("silent") != "running", "the turn of the silent agent was not closed")
            assert alive(agents.trees["stays"]) == agents.trees["stays"]
            assert client.status("stays") == "idle"
        # And when there are descriptors again, it does all that it did.
        for session in ("suspended", "dies", "silent", "stays", "new"):
            if session == "new":
                client.must("POST", "/v1/sessions/new", {"agent": "mock"})
            answer = client.must("POST", f"/v1/sessions/{session}/messages/stream", {"message": "echo still here"})
            assert b"still here" in answer, session
        assert client.ask("GET", "/v1/health")[0] == 200
        left = descendants(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert alive(left) == []


@pytest.mark.parametrize("signals", [1, 2], ids=["once", "twice"])
def test_a_stop_without_descriptors_leaves_nobody(commands: Commands, signals: int) -> None:
    with a_daemon(commands) as (running, _, agents):
        for number in range(5):
            agents.start(f"s{number}")
        with flooded(running):
            pids = descendants(running.process.pid)
            for _ in range(signals):
                running.process.send_signal(signal.SIGTERM)
                time.sleep(0.1)  # two at once would be one
            assert running.wait_ended() == (0 if signals == 1 else 128 + signal.SIGTERM)
            assert alive(pids) == []


def test_many_sessions_end_at_once_without_descriptors(commands: Commands) -> None:
    with a_daemon(commands) as (running, client, agents):
        for number in range(12):
            agents.start(f"s{number}")
        pids = descendants(running.process.pid)
        with flooded(running):
            for number in range(12):
                os.kill(agents.pids[f"s{number}"], signal.SIGKILL)
            until(lambda: not alive(pids), f"there is left: {alive(pids)}")
            client.must("GET", "/v1/sessions")


def test_every_end_of_an_agent_is_whole_without_threads(commands: Commands) -> None:
    with a_daemon(commands, program=(sys.executable, "-c", WITHOUT_THREADS)) as (running, client, agents):
        agents.start("terminated")
        agents.start("deleted")
        agents.start("suspended", suspendAfterSeconds=4)
        agents.start("silent", idleSeconds=4)
        agents.start("dies")
        agents.start("stays")
        client.must("POST", "/v1/sessions/silent/messages", {"message": "hang"})
        running.process.send_signal(signal.SIGUSR1)
        # It is in force: what needs a thread is refused with its reason.
        until(lambda: client.ask("POST", "/v1/sessions/more", {"agent": "mock"})[0] == 503, "threads can be started")
        client.must("POST", "/v1/sessions/terminated/terminate")
        agents.assert_gone("terminated")
        client.must("DELETE", "/v1/sessions/deleted")
        agents.assert_gone("deleted")
        os.kill(agents.pids["dies"], signal.SIGKILL)
        for session in ("dies", "suspended", "silent"):
            agents.assert_gone(session)
        assert client.status("stays") == "idle"
        running.process.send_signal(signal.SIGUSR2)
        for session in ("suspended", "dies", "silent", "stays"):
            answer = client.must("POST", f"/v1/sessions/{session}/messages/stream", {"message": "echo still here"})
            assert b"still here" in answer, session
        running.process.send_signal(signal.SIGUSR1)
        left = descendants(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert alive(left) == []
    assert "actor crashed" not in running.stderr, running.stderr


def test_a_start_without_threads_is_refused_in_a_sentence(commands: Commands) -> None:
    program = WITHOUT_THREADS.replace("from sandbox", "use_up()\nfrom sandbox")
    done = subprocess.run(
        [sys.executable, "-c", program, "server", "--port", "0"],
        env=commands.environment | {"SANDBOX_AGENT_TOKEN": TOKEN},
        cwd=commands.home,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 1
    assert "Error: cannot start: the machine is out of processes or threads" in done.stderr
    assert "Traceback" not in done.stderr
