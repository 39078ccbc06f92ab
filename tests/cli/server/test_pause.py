"""Time in which nobody ran is nobody's silence: a daemon that was stopped, and agents that were."""

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from sandbox_agent.actors.kernel.loop_clock import BUSY_GAPS

from ..commands import TIMEOUT, Commands
from ..running import RunningDaemon, daemon

LIMIT = 4.0
"""Seconds of each timeout. Short, and long enough for a busy machine to stop the daemon before one is over."""

PAUSE = 2 * LIMIT

LIMITS = (
    *("--start-timeout", "60", "--idle-timeout", f"{LIMIT}", "--turn-timeout", f"{LIMIT}"),
    *("--ask-timeout", f"{LIMIT}", "--interrupt-timeout", f"{LIMIT}", "--suspend-after", "0"),
    # The pause is as long as nothing but a pause is, also on a machine that is busy.
    *("--pause-gap", f"{PAUSE / BUSY_GAPS / 2}"),
)

Event = dict[str, Any]


class Clients:
    def __init__(self, running: RunningDaemon, http: httpx.Client) -> None:
        self.running = running
        self._http = http

    def create(self, session: str, **timeouts: float) -> None:
        body = {"agent": "mock", "timeouts": timeouts}
        assert self._http.post(f"/v1/sessions/{session}", json=body).status_code == 200

    def send(self, session: str, text: str) -> None:
        assert self._http.post(f"/v1/sessions/{session}/messages", json={"message": text}).status_code == 204

    def allow(self, session: str, permission: str) -> int:
        path = f"/v1/sessions/{session}/permissions/{permission}/reply"
        return self._http.post(path, json={"reply": "once"}).status_code

    def events(self, session: str) -> list[Event]:
        return self._http.get(f"/v1/sessions/{session}/events").json()["events"]

    def until(self, session: str, condition: Callable[[Event], bool]) -> list[Event]:
        limit = time.monotonic() + TIMEOUT
        while not any(map(condition, events := self.events(session))):
            assert time.monotonic() < limit, [(e["type"], e["data"]) for e in events]
            time.sleep(0.02)
        return events

    def until_told(self, words: str) -> None:
        """On the daemon's stderr."""
        limit = time.monotonic() + TIMEOUT
        while words not in self.running.stderr:
            assert time.monotonic() < limit, self.running.stderr
            time.sleep(0.02)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def of_type(type_: str) -> Callable[[Event], bool]:
    return lambda event: event["type"] == type_


def errors(events: list[Event]) -> list[str]:
    return [event["data"]["code"] for event in events if event["type"] == "error"]


def outcomes(events: list[Event]) -> list[str]:
    return [event["data"]["metadata"]["outcome"] for event in events if event["type"] == "turn.ended"]


def agents_of(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@pytest.fixture
def clients(commands: Commands) -> Generator[Clients]:
    with (
        daemon(commands, "--no-token", "--ephemeral", *LIMITS) as running,
        httpx.Client(base_url=running.url, timeout=TIMEOUT, trust_env=False) as http,
    ):
        yield Clients(running, http)


@pytest.mark.parametrize("agents_too", [False, True], ids=["daemon", "daemon and agents"])
def test_a_pause_ends_no_turn_and_no_ask(clients: Clients, agents_too: bool) -> None:
    """The agents that go on complete their turns meanwhile, and that waits in their pipes."""
    pid = clients.running.process.pid
    for session in ("working", "asking"):
        clients.create(session)
    clients.send("asking", "permission")
    clients.until("asking", of_type("permission.requested"))
    clients.send("working", "sleep 1")
    clients.until("working", of_type("item.started"))
    paused = agents_of(pid) if agents_too else []
    with stopped(pid):
        for agent in paused:
            os.kill(agent, signal.SIGSTOP)
        time.sleep(PAUSE)  # the pause itself, which must be longer than every timeout
        for agent in paused:
            os.kill(agent, signal.SIGCONT)
    events = clients.until("working", of_type("turn.ended"))
    assert (errors(events), outcomes(events)) == ([], ["completed"])
    asked = clients.events("asking")
    assert not any(map(of_type("permission.resolved"), asked))
    for permission in ("mock_1_permission", "mock_1_permission_denied"):
        assert clients.allow("asking", permission) == 204
    asked = clients.until("asking", of_type("turn.ended"))
    assert (errors(asked), outcomes(asked)) == ([], ["completed"])
    clients.until_told("did not run for a while")


def test_an_agent_that_is_stopped_alone_is_silent(clients: Clients) -> None:
    clients.create("s", turnSeconds=0)
    clients.send("s", "sleep 600")
    clients.until("s", of_type("item.started"))
    (agent,) = agents_of(clients.running.process.pid)
    os.kill(agent, signal.SIGSTOP)
    events = clients.until("s", of_type("turn.ended"))
    assert (errors(events), outcomes(events)) == (["idle_timeout"], ["failed"])
