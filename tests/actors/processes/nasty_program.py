"""A program that does everything to outlive whoever ends it: run as ``nasty_program.py PIDS``.

It leaves its session, forks twice, closes what it holds open, ignores what asks it to go, and forks again whenever it
is asked. Every process of its family writes its pid into the file PIDS. A failed test must not litter for ever: after
ten minutes each ends itself.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

LIFETIME = 600
OPEN_FILES = 64
BROTHERS = 3
BIRTHS = 4
"""How often one process forks because it was signalled."""


class Nasty:
    def __init__(self, pids: Path) -> None:
        self._pids = pids
        self._births = 0

    def run(self) -> None:
        for _ in range(BROTHERS):
            self._fork()
        self._live()

    def _fork(self) -> None:
        if (child := os.fork()) != 0:
            os.waitpid(child, 0)
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        self._births = 0
        os.closerange(0, OPEN_FILES)
        self._live()

    def _live(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        signal.alarm(LIFETIME)
        file = os.open(self._pids, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"%d\n" % os.getpid())
        os.close(file)
        while True:
            signal.pause()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._births < BIRTHS:
            self._births += 1
            with suppress(ChildProcessError):
                self._fork()


if __name__ == "__main__":
    Nasty(Path(sys.argv[1])).run()
