"""Commands and daemons as forks of one process that has imported them: most of their start is an interpreter's and its
imports, and the tests run hundreds of them.

Each is a process of its own, with its own descriptors, directory and environment. It differs from one that was started
anew in what an interpreter takes from its environment, in what imports leave behind, in what /proc tells of its command
line and first environment, and in its parent; :func:`can_fork` says which commands do not care. Every kind of command
is run as a user starts it too, by other tests.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
STARTERS = {"server", "start", "demo", "install-agent"}
"""Commands that run or start something, which may look at what it descends from."""


def can_fork(words: Iterable[str], environment: Iterable[str]) -> bool:
    return STARTERS.isdisjoint(words) and can_change(environment)


def can_change(environment: Iterable[str]) -> bool:
    """Not what an interpreter reads when it starts."""
    interpreters = ("PYTHON", "LANG", "LC_")
    return not any(name.startswith(interpreters) for name in environment)


class Forked:
    """A process that was forked for us and is not our child, as :class:`subprocess.Popen` is with one that is."""

    def __init__(self, words: Sequence[str], pid: int, answer: IO[bytes]) -> None:
        self.words = words
        self.pid = pid
        self.answer = answer
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None

    def __repr__(self) -> str:
        return f"<Forked {self.pid} {'runs' if self.returncode is None else f'ended with {self.returncode}'}>"

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self.answer], [], [], 0)[0]:
            self.returncode = int(self.answer.readline())
            self.answer.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self.answer], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([*self.words], timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that forks commands or daemons (origin.py); it is started with the first one and ends with us."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._origin: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], directory: Path, stdin: str, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        with ExitStack() as stack:
            stdin_, stdout, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
            stdin_.write(stdin.encode())
            files = [_rewound(file).fileno() for file in (stdout, stderr, stdin_)]
            process = self.start(words, environment, directory, *files)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            return subprocess.CompletedProcess([*words], status, _text(stdout), _text(stderr))

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        stdout: int,
        stderr: int,
        stdin: int | None = None,
    ) -> Forked:
        """Without ``stdin`` there is nothing to read."""
        with tempfile.TemporaryFile() as request, Path(os.devnull).open() as nothing:
            request.write(json.dumps([*words, str(directory), dict(environment)]).encode())
            told, tell = os.pipe()
            try:
                self._ask(
                    [_rewound(request).fileno(), nothing.fileno() if stdin is None else stdin, stdout, stderr, tell]
                )
            finally:
                os.close(tell)
        # Unbuffered: what is in a buffer no select sees.
        answer = os.fdopen(told, "rb", buffering=0)
        return Forked(words, int(answer.readline()), answer)

    def _ask(self, descriptors: list[int]) -> None:
        with self._lock:
            if self._origin is not None and (status := self._origin.poll()) is not None:
                # Something ended it: the tests after that one are not to fail for it.
                print(f"the origin of commands ended with status {status}", file=sys.stderr)
                self.close()
            if self._channel is None:
                self._start()
            assert self._channel is not None
            socket.send_fds(self._channel, [b"?"], descriptors)

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._origin = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.origin", str(theirs.fileno()), self._kind],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        if self._channel is not None and self._origin is not None:
            self._channel.close()
            self._origin.wait()
            self._channel = self._origin = None


@cache
def forks(kind: str = "commands") -> Forks:
    """Those of this process."""
    return Forks(kind)


def _rewound(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    return _rewound(file).read().decode().replace("\r\n", "\n")
