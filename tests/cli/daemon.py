"""A daemon that a test starts as a user does, and that does not outlive the test."""

import re
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .commands import COMMAND, TIMEOUT, Commands

READY = re.compile(r"listening on (http://[\d.:\[\]]+:\d+[/\w]*)\n")


class RunningDaemon:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.stderr = ""
        self.url = ""
        # Read all the time: a daemon whose stderr is full would wait for us.
        self._reader = threading.Thread(target=self._read_stderr)
        self._reader.start()

    def _read_stderr(self) -> None:
        for line in cast("IO[str]", self.process.stderr):
            self.stderr += line

    def wait_ready(self) -> None:
        limit = threading.Timer(TIMEOUT, self.process.kill)
        limit.start()
        line = cast("IO[str]", self.process.stdout).readline()
        limit.cancel()
        ready = READY.fullmatch(line)
        if ready is None:
            self.process.wait(TIMEOUT)
            self._reader.join(TIMEOUT)
            raise AssertionError(f"not ready, status {self.process.returncode}: {line!r}\n{self.stderr}")
        self.url = ready[1]

    def wait_ended(self) -> int:
        """The exit status; all of stderr is there then."""
        status = self.process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(TIMEOUT)
        for pipe in (self.process.stdout, self.process.stderr):
            cast("IO[str]", pipe).close()


@contextmanager
def daemon(
    commands: Commands,
    *options: str,
    env: Mapping[str, str] | None = None,
    directory: Path | None = None,
    prepare: Callable[[], None] | None = None,
    program: Sequence[str] = COMMAND,
) -> Generator[RunningDaemon]:
    """``prepare`` is called in its process, before it becomes the daemon. ``program`` is the command line to which
    `server` and its options are added."""
    process = subprocess.Popen(
        [*program, "server", "--port", "0", *options],
        env=commands.environment | dict(env or {}),
        cwd=directory or commands.home,
        preexec_fn=prepare,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = RunningDaemon(process)
    try:
        running.wait_ready()
        yield running
    finally:
        running.close()
