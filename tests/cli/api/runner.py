"""`sandbox-agent api` against one daemon that a module's tests share, and what its sessions tell."""

import json
import subprocess
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import IO, Any, cast

import pytest

from ...patience import PATIENCE
from ..commands import COMMAND, TIMEOUT, Commands
from ..running import daemon

TOKEN = "a-token-of-the-test"


class Api:
    """`sandbox-agent api` against one daemon. ``home`` holds what that keeps."""

    def __init__(self, commands: Commands, url: str) -> None:
        self._commands = commands
        self.home = commands.home
        self.environment = {"SANDBOX_AGENT_TOKEN": TOKEN, "SANDBOX_AGENT_ENDPOINT": url}
        self.whole_environment = commands.environment | self.environment

    def run(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return self._commands.run("api", *words, env=self.environment, stdin=stdin)

    def tokens(self, *words: str) -> str:
        done = self._commands.run("tokens", *words, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def json(self, *words: str) -> Any:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def silent(self, *words: str, stdin: str = "") -> None:
        done = self.run(*words, stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def stream(self, *words: str) -> list[dict[str, Any]]:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("data:")]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    commands = Commands(tmp_path_factory.mktemp("home"))
    # On a busy machine an agent may need more than a second to show that it cannot start.
    options = ("--mock-step-ms", "1", "--create-wait", str(PATIENCE))
    with daemon(commands, *options, env={"SANDBOX_AGENT_TOKEN": TOKEN}) as running:
        yield Api(commands, running.url)


@pytest.fixture
def session(api: Api, request: pytest.FixtureRequest) -> str:
    name = request.node.name
    api.json("sessions", "create", name, "-a", "mock")
    return name


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


@contextmanager
def following(api: Api, session: str) -> Generator[IO[str]]:
    """The lines of `events-sse`, as they arrive. They end after TIMEOUT, so that nothing waits for ever."""
    process = subprocess.Popen(
        [*COMMAND, "api", "sessions", "events-sse", session],
        env=api.whole_environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    limit = threading.Timer(TIMEOUT, process.kill)
    limit.start()
    try:
        yield cast("IO[str]", process.stdout)
    finally:
        limit.cancel()
        process.terminate()
        process.communicate(timeout=TIMEOUT)


def until(lines: Iterable[str], event_type: str) -> list[str]:
    """The lines up to the first event of a type."""
    seen: list[str] = []
    for line in lines:
        seen.append(line)
        if f'"type":"{event_type}"' in line:
            return seen
    raise AssertionError(f"the stream ended before {event_type}")
