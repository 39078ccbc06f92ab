"""The servers that are measured, each a process of its own, and the few API calls that drive them."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx
from attrs import frozen

SERVER = [
    *("-m", "sandbox_agent.cli.main", "server", "--port", "0", "--mock-step-ms", "0", "--log-level", "warning"),
]
EPHEMERAL = ["--log-bytes", str(1 << 30), "--feed-bytes", str(1 << 20)]


@frozen
class Server:
    """``streams`` is where subscribers connect; only the raw server has another port for them."""

    api: httpx.Client
    streams: tuple[str, int]
    token: str
    pid: int

    def create(self, session_id: str) -> None:
        self.api.post(f"/v1/sessions/{session_id}", json={"agent": "mock"}).raise_for_status()

    def send(self, session_id: str, message: str) -> None:
        self.api.post(f"/v1/sessions/{session_id}/messages", json={"message": message}).raise_for_status()

    def memory(self) -> int:
        """Bytes of RAM that the server process itself holds (RSS)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def delete(self, session_id: str) -> None:
        self.api.delete(f"/v1/sessions/{session_id}").raise_for_status()

    def cpu_seconds(self) -> float:
        """What the server process itself has used; its agents are other processes."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(
    *, raw: bool = False, ephemeral: bool = False, data_dir: Path | None = None, python: str = sys.executable
) -> Generator[Server]:
    """A fresh server; ended by SIGTERM (SIGINT for the raw one), and waited for. Its journal is in ``data_dir``, by
    default in a directory that goes with it. ``python`` is that of another checkout, to measure what that has."""
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-bench-") as fresh:
        process, token = launch(data_dir or Path(fresh), raw=raw, ephemeral=ephemeral, python=python)
        with process:
            try:
                with ready(process, token) as server:
                    yield server
            finally:
                process.send_signal(signal.SIGINT if raw else signal.SIGTERM)


def launch(
    data_dir: Path, *, raw: bool = False, ephemeral: bool = False, python: str = sys.executable
) -> tuple[subprocess.Popen[str], str]:
    """The process, which may not listen yet, and its token. The caller ends it."""
    token = secrets.token_urlsafe()
    journal = ["--ephemeral", *EPHEMERAL] if ephemeral else ["--data-dir", str(data_dir)]
    argv = ["-m", "benchmarks.raw_server", str(data_dir)] if raw else [*SERVER, *journal]
    environment = {**os.environ, "SANDBOX_AGENT_TOKEN": token}
    process = subprocess.Popen(
        [python, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdin is not None
    process.stdin.write(token + "\n")
    process.stdin.flush()
    return process, token


@contextmanager
def ready(process: subprocess.Popen[str], token: str) -> Generator[Server]:
    """Returns when it listens."""
    assert process.stdout is not None
    words: list[str] = process.stdout.readline().split()
    if not words:
        raise RuntimeError("the server did not start")
    where: SplitResult = urlsplit(words[-1])
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=words[2], headers=headers, timeout=60, trust_env=False) as api:
        yield Server(api, (str(where.hostname), int(where.port or 0)), token, process.pid)
