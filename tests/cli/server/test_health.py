"""Health of a real daemon whose journal cannot grow any more, as on a full disk, and then can again."""

import json
import resource
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from ..commands import TIMEOUT, Commands
from ..running import daemon

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}


def health(url: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"{url}/v1/health", timeout=TIMEOUT) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def until(url: str, status: int) -> dict[str, object]:
    deadline = time.monotonic() + TIMEOUT
    while (found := health(url))[0] != status:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found[1]


def test_it_is_a_503_while_the_journal_cannot_be_written(commands: Commands, tmp_path: Path) -> None:
    with daemon(commands, "--data-dir", str(tmp_path / "data"), "--journal-retry", "0.05", env=TOKEN) as running:

        def api(*words: str) -> int:
            return commands.run("api", "sessions", *words, "-e", running.url, "--timeout", "2", env=TOKEN).returncode

        assert api("create", "s", "-a", "mock") == 0
        assert until(running.url, 200)["status"] == "ok"
        _, most = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (0, most))  # none of its files may grow
        assert api("send-message", "s", "-m", "echo one") == 1
        told = until(running.url, 503)
        assert told["status"] == "degraded"
        assert "cannot be written" in str(told["problems"])
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert until(running.url, 200)["status"] == "ok"
        assert api("send-message", "s", "-m", "echo two") == 0
