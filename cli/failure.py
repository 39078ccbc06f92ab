"""How a command fails: exit 1 with a message, or with the problem that the daemon answered.

Wrong usage is click's and exits 2. A reader that went away and Ctrl-C are nobody's failure: they end quietly, with
the status that a shell gives a program that died of SIGPIPE or SIGINT.
"""

import json
import os
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import click

CLOSED_PIPE = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT


class Failure(click.ClickException):
    """The command could not be done; the message says why and, where possible, what to do."""


class Refusal(Failure):
    """The daemon answered with a problem (RFC 9457); it is shown as it came."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail", problem.get("title", "the daemon refused"))))
        self.problem = problem

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(json.dumps(self.problem, indent=2, ensure_ascii=False), file=file or sys.stderr)


@contextmanager
def quiet_endings() -> Generator[None]:
    """Turns a closed pipe and Ctrl-C into their exit status. Flushes here, where a closed pipe can still be told."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit and would print a traceback that nobody can act on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(CLOSED_PIPE) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
