"""Commands as forks of one process that has imported them: most of the time of a command is its interpreter's start and
its imports, and the tests run hundreds of them.

Each is a process of its own, with its own descriptors, directory and environment. It differs from one that was started
anew in what an interpreter takes from its environment and in what imports leave behind; :func:`can_fork` says which
commands do not care. Every kind of command is run as a user starts it too, by other tests.
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
    """Not what an interpreter reads when it starts."""
    interpreters = ("PYTHON", "LANG", "LC_")
    return STARTERS.isdisjoint(words) and not any(name.startswith(interpreters) for name in environment)


class Forks:
    """The process that forks (origin.py); it is started with the first command and ends with us."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._origin: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], directory: Path, stdin: str, timeout: float
    ) -> "subprocess.CompletedProcess[str]":
        with ExitStack() as stack:
            request, stdin_, stdout, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(4))
            request.write(json.dumps([*words, str(directory), dict(environment)]).encode())
            stdin_.write(stdin.encode())
            told, tell = os.pipe()
            # Unbuffered: what is in a buffer no select sees.
            answer = stack.enter_context(os.fdopen(told, "rb", buffering=0))
            try:
                self._ask([*(_rewound(file).fileno() for file in (request, stdin_, stdout, stderr)), tell])
            finally:
                os.close(tell)
            pid = int(answer.readline())
            if not select.select([answer], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([*words], timeout)
            status = int(answer.readline())
            return subprocess.CompletedProcess([*words], status, _text(stdout), _text(stderr))

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
                [sys.executable, "-m", "tests.cli.origin", str(theirs.fileno())],
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
def forks() -> Forks:
    """Those of this process."""
    return Forks()


def _rewound(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    return _rewound(file).read().decode().replace("\r\n", "\n")
