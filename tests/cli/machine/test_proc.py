"""Where /proc does not tell which processes there are, the daemon says so, and ends what can be ended without it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import daemon

TOKEN = "a-token-of-the-test"
NAMESPACE = Path(__file__).with_name("other_pid_namespace.py")

ELSEWHERE = """
import sys
from sandbox_agent.actors.processes.table import ProcessTable
ProcessTable.__init__.__defaults__ = (None, None, {proc!r}, None)
from sandbox_agent.cli.main import main
main(sys.argv[1:])
"""


def not_mounted(tmp_path: Path) -> Sequence[str]:
    return (sys.executable, "-c", ELSEWHERE.format(proc=str(tmp_path / "no-proc")))


def of_another_namespace(tmp_path: Path) -> Sequence[str]:
    """A real one, where this user may make one; otherwise what it would look like."""
    program = (sys.executable, str(NAMESPACE))
    if subprocess.run([*program, sys.executable, "-c", ""], check=False).returncode == 0:
        return (*program, *COMMAND)
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "self").symlink_to("1234567890")
    return (sys.executable, "-c", ELSEWHERE.format(proc=str(proc)))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("program", "reason"),
    [(not_mounted, "is not mounted"), (of_another_namespace, "shows another pid namespace")],
    ids=["not mounted", "another namespace"],
)
def test_without_a_proc_of_ours_health_says_so_and_sessions_still_end(
    commands: Commands, tmp_path: Path, program: Callable[[Path], Sequence[str]], reason: str
) -> None:
    started = program(tmp_path)
    tree: list[int] = []
    try:
        with daemon(commands, env={"SANDBOX_AGENT_TOKEN": TOKEN}, program=started) as running:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
                health = client.get("/v1/health")
                assert health.status_code == 200
                assert health.json()["status"] == "degraded"
                (problem,) = health.json()["problems"]
                assert reason in problem
                assert "may outlive their session" in problem
                before = descendants(running.process.pid)
                client.post("/v1/sessions/s", json={"agent": "mock"}).raise_for_status()
                (agent,) = set(descendants(running.process.pid)) - set(before)
                sent = client.post("/v1/sessions/s/messages/stream", json={"message": "spawn"})
                assert "double_forked" in sent.raise_for_status().text
                tree = sorted(set(descendants(running.process.pid)) - set(before))
                group = [pid for pid in tree if os.getpgid(pid) == os.getpgid(agent)]
                assert len(group) >= 4
                # Of all that happens to agents, what needs no other process's /proc.
                client.post("/v1/sessions/s/terminate").raise_for_status()
                until(lambda: not alive(group), f"of its process group there is left: {alive(group)}")
                client.post("/v1/sessions/dies", json={"agent": "mock"}).raise_for_status()
                sent = client.post("/v1/sessions/dies/messages/stream", json={"message": "crash 7"})
                assert '"exit_code":7' in sent.text.replace(" ", "")
                again = client.post("/v1/sessions/dies/messages/stream", json={"message": "echo here again"})
                assert "here again" in again.text
            running.process.send_signal(signal.SIGTERM)
            assert running.wait_ended() == 0
        assert running.stderr.count("descendants of agents cannot be followed") == 1
        assert "Traceback" not in running.stderr
    finally:
        for pid in alive(tree):  # the promise of no orphans does not hold here
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
