"""Where the kernel or a seccomp profile gives no pidfds, sessions live, are ended whole, and go on."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import daemon

TOKEN = "a-token-of-the-test"
LAUNCHER = Path(__file__).with_name("without_pidfds.py")


def program(error: str) -> tuple[str, ...]:
    return (sys.executable, str(LAUNCHER), error, *COMMAND)


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_sessions_live_and_end_without_pidfds(commands: Commands, error: str) -> None:
    with daemon(commands, env={"SANDBOX_AGENT_TOKEN": TOKEN}, program=program(error)) as running:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:

            def turn(session: str, message: str) -> str:
                sent = client.post(f"/v1/sessions/{session}/messages/stream", json={"message": message})
                return sent.raise_for_status().text

            for session in ("terminated", "dies", "stays"):
                client.post(f"/v1/sessions/{session}", json={"agent": "mock"}).raise_for_status()
            ours = running.process.pid
            agents = descendants(ours)
            turn("terminated", "spawn")
            tree = [pid for pid in descendants(ours) if pid not in agents]
            assert len(tree) == 4
            client.post("/v1/sessions/terminated/terminate").raise_for_status()
            assert alive(tree) == []
            assert len(alive(agents)) == 2
            # The exit is noticed, with its status, and the next prompt starts it again.
            assert '"exit_code":7' in turn("dies", "crash 7").replace(" ", "")
            assert "here again" in turn("dies", "echo here again")
            assert "here all the time" in turn("stays", "echo here all the time")
            assert client.get("/v1/health").json()["status"] == "ok"
            turn("stays", "spawn")
        left = descendants(running.process.pid)
        assert len(left) == 6
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert alive(left) == []


@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_a_daemon_is_stopped_in_the_background_without_pidfds(commands: Commands, error: str) -> None:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [*program(error), *arguments],
            env=commands.environment,
            cwd=commands.home,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT,
        ).stdout

    run("daemon", "start", "--port", "0")
    try:
        stopped = run("daemon", "stop")
    finally:
        commands.run("daemon", "stop", "--force")
    assert stopped.startswith("stopped: pid ")
    assert alive([int(stopped.split()[2])]) == []
