"""Nobody is left: after terminate, after SIGTERM, and after the start that follows a SIGKILL, whatever was run."""

import json
import os
import shlex
import signal
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from ...actors.processes import nasty
from ..commands import TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import RunningDaemon, daemon

ENV = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}


@contextmanager
def talk(running: RunningDaemon) -> Generator[httpx.Client]:
    headers = {"Authorization": f"Bearer {ENV['SANDBOX_AGENT_TOKEN']}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        yield client


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def let_loose(client: httpx.Client, pids: Path) -> None:
    """A session whose agent runs the nasty program as a tool."""
    client.post("/v1/sessions/s", json={"agent": "mock"}).raise_for_status()
    command = shlex.join(nasty.command(pids))
    client.post("/v1/sessions/s/messages", json={"message": f"run {command}"}).raise_for_status()
    until(lambda: bool(client.get("/v1/permissions").json()["permissions"]))
    (asked,) = client.get("/v1/permissions").json()["permissions"]
    path = f"/v1/sessions/s/permissions/{asked['permission']['permission_id']}/reply"
    client.post(path, json={"reply": "once"}).raise_for_status()
    until(lambda: len(nasty.family(pids)) >= nasty.SETTLED)


def test_terminate_leaves_nobody(commands: Commands, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with daemon(commands, env=ENV) as running, talk(running) as client:
        let_loose(client, pids)
        client.post("/v1/sessions/s/terminate").raise_for_status()
        assert nasty.survivors(pids) == []


def test_sigterm_leaves_nobody(commands: Commands, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with daemon(commands, env=ENV) as running:
        with talk(running) as client:
            let_loose(client, pids)
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert nasty.survivors(pids) == []


@pytest.mark.parametrize("cgroups", ["on", "off"])
def test_the_start_after_sigkill_leaves_nobody(commands: Commands, tmp_path: Path, cgroups: str) -> None:
    """With a cgroup and without, where only the marker tells whose it was."""
    pids = tmp_path / "pids"
    options = () if cgroups == "on" else ("--no-agent-cgroups",)
    with daemon(commands, *options, env=ENV) as running:
        with talk(running) as client:
            let_loose(client, pids)
        running.process.kill()
        running.wait_ended()
    assert nasty.survivors(pids), "the program did not outlive its daemon: this test shows nothing"
    with daemon(commands, *options, env=ENV) as running, talk(running) as client:
        # It is ready: by now nobody of the former life is there.
        assert nasty.survivors(pids) == []
        (session,) = client.get("/v1/sessions").json()["sessions"]
        assert session["sessionId"] == "s"
        sent = client.post("/v1/sessions/s/messages/stream", json={"message": "echo still here"})
        assert "still here" in sent.text
    assert "ending what an earlier daemon left" in running.stderr


def signed(sign: str) -> list[int]:
    """The pids of all processes that inherited the sign from the daemon."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if sign.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return alive(found)


def create_many(running: RunningDaemon) -> None:
    """Sessions until the daemon is gone."""
    with talk(running) as client, suppress(httpx.HTTPError):
        for number in range(1000):
            client.post(f"/v1/sessions/s{number}", json={"agent": "mock"})


def assert_only_the_new_daemon(commands: Commands, sign: str) -> None:
    with daemon(commands, env=ENV | {"SIGN": sign}) as running:
        left = set(signed(sign)) - {running.process.pid}
        # One that it has started meanwhile would be its child.
        assert left <= set(descendants(running.process.pid))


def test_a_kill_right_after_a_spawn_leaves_nobody(commands: Commands) -> None:
    sign = str(uuid.uuid4())
    armed = ENV | {"SIGN": sign, "SANDBOX_AGENT_FAILPOINT": "agent.started:3"}
    with daemon(commands, env=armed) as running:
        create_many(running)
        assert running.wait_ended() == -signal.SIGKILL
    assert_only_the_new_daemon(commands, sign)


def test_a_kill_in_the_midst_of_spawns_leaves_nobody(commands: Commands) -> None:
    sign = str(uuid.uuid4())
    for moment in (0.0, 0.013, 0.031):
        with daemon(commands, env=ENV | {"SIGN": sign}) as running:
            maker = threading.Thread(target=create_many, args=(running,))
            maker.start()
            until(lambda daemon=running: bool(descendants(daemon.process.pid)))
            time.sleep(moment)  # any moment will do, as long as it is not always the same
            running.process.kill()
            running.wait_ended()
            maker.join(TIMEOUT)
    assert_only_the_new_daemon(commands, sign)


def test_the_mechanism_that_is_in_force_is_logged_at_the_start(commands: Commands) -> None:
    options = ("--log-format", "json", "--agent-memory-bytes", str(1 << 30), "--agent-processes", "100")
    with daemon(commands, *options, env=ENV) as running:
        running.close()
    (line,) = [line for line in map(json.loads, running.stderr.splitlines()) if line["event"] == "agents are confined"]
    assert line["limits"] == "memory=1073741824 processes=100"
    assert sorted(line["held_by_kernel"] + line["watched_by_daemon"]) == ["memory", "pids"]


def test_the_daemon_is_no_easier_victim_than_its_agents(commands: Commands) -> None:
    with daemon(commands, env=ENV) as running, talk(running) as client:
        client.post("/v1/sessions/s", json={"agent": "mock"}).raise_for_status()
        client.post("/v1/sessions/s/messages/stream", json={"message": "spawn"}).raise_for_status()
        score = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in descendants(running.process.pid)}
        assert len(score) >= 4
        own = int(Path(f"/proc/{running.process.pid}/oom_score_adj").read_text())
        assert own == int(Path(f"/proc/{os.getpid()}/oom_score_adj").read_text())
        assert all(other > own for other in score.values())
