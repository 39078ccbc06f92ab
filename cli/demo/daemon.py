"""The demo's own daemon: a child process on a free loopback port, with a token that nobody else knows."""

import os
import re
import secrets
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, cast

from ...actors.machine.programs import python_module
from ...schema.settings import Settings
from ..endpoint import Endpoint
from ..failure import Failure
from ..token_options import TOKEN_VARIABLE
from ..token_store import FoundToken

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""End the demo, besides Ctrl-C: the second when its terminal is closed."""

READY = re.compile(r"listening on (http://\S+)")

STEP_MS = 60
"""The mock agent's pace: slow enough to be watched."""

GRACE = 3.0
"""Seconds that the daemon may take to stop beyond its own limit."""


@contextmanager
def own_daemon(log: Path) -> Generator[tuple[Endpoint, FoundToken]]:
    """A daemon for as long as the block lasts; yields its URL and token. Its log goes to the file.

    Raises :class:`Failure` when it does not start, or does not stop cleanly.
    """
    _end_in_order()
    token = secrets.token_urlsafe(32)
    with log.open("w") as stderr:
        daemon = subprocess.Popen(
            [
                # A folder that is named like us or like a library, where the user stands, is not us.
                *python_module("sandbox_agent.cli.main"),
                "server",
                "--port",
                "0",
                "--ephemeral",
                "--mock-step-ms",
                str(STEP_MS),
            ],
            env=os.environ | {TOKEN_VARIABLE: token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,  # Ctrl-C is the demo's: it stops the daemon itself, and only once
        )
    stdout = cast("IO[str]", daemon.stdout)
    try:
        line = stdout.readline()
        if (ready := READY.match(line)) is None:
            raise Failure(f"the daemon did not start:\n{log.read_text()}")
        yield Endpoint.parse(ready[1]), FoundToken(token, "the demo")
    finally:
        daemon.terminate()
        try:
            status = daemon.wait(Settings().shutdown_timeout + GRACE)
        except subprocess.TimeoutExpired:
            daemon.kill()
            status = daemon.wait()
        stdout.close()
    if status != 0:
        raise Failure(f"the daemon did not stop cleanly (status {status}):\n{log.read_text()}")


def _end_in_order() -> None:
    """By default these signals end us at once, and the daemon, which has a session of its own, would live on. One that
    is ignored (``nohup``) stays so."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
