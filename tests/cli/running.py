"""A daemon that a test starts as a user does, and that does not outlive the test."""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .commands import COMMAND, TIMEOUT, Commands
from .forked import Forked, can_change, forks

READY = re.compile(r"listening on (http://[\d.:\[\]]+:\d+[/\w]*)\n")


class RunningDaemon:
    def __init__(self, process: "subprocess.Popen[str] | Forked") -> None:
        self.process = process
        self.stdout = cast("IO[str]", process.stdout)
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
        line = self.stdout.readline()
        limit.cancel()
        ready = READY.fullmatch(line)
        if ready is None:
            self.process.wait(TIMEOUT)
            self._reader.join(TIMEOUT)
            raise AssertionError(f"not ready, status {self.process.returncode}: {line!r}\n{self.stderr}")
        self.url = ready[1]

    @contextmanager
    def living(self) -> Generator[None]:
        """Ready in the block, and ended after it."""
        try:
            self.wait_ready()
            yield
        finally:
            self.close()

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
        self.stdout.close()
        cast("IO[str]", self.process.stderr).close()


@contextmanager
def daemon(
    commands: Commands,
    *options: str,
    env: Mapping[str, str] | None = None,
    directory: Path | None = None,
    prepare: Callable[[], None] | None = None,
    program: Sequence[str] = COMMAND,
    forked: bool = True,
) -> Generator[RunningDaemon]:
    """``prepare`` is called in its process, before it becomes the daemon. ``program`` is the command line to which
    `server` and its options are added; with another one than a user's, or with ``prepare``, it is never ``forked``."""
    words = ("server", "--port", "0", *options)
    environment, place = commands.environment | dict(env or {}), directory or commands.home
    if forked and program is COMMAND and prepare is None and can_change(env or ()):
        running = _forked(words, environment, place)
    else:
        running = anew([*program, *words], environment, place, prepare)
    with running.living():
        yield running


def anew(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, prepare: Callable[[], None] | None = None
) -> RunningDaemon:
    """As a user starts it."""
    process = subprocess.Popen(
        [*command],
        env=environment,
        cwd=directory,
        preexec_fn=prepare,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return RunningDaemon(process)


def _forked(words: Sequence[str], environment: Mapping[str, str], directory: Path) -> RunningDaemon:
    out, stdout = os.pipe()
    err, stderr = os.pipe()
    process = forks("daemons").start(words, environment, directory, stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    process.stdout, process.stderr = os.fdopen(out), os.fdopen(err)
    return RunningDaemon(process)
