"""How a command fails: exit 1 with a message, or with the problem that the daemon answered.

Wrong usage is click's and exits 2. Ctrl-C is nobody's failure: it ends quietly, with the status that a shell gives a
program that died of SIGINT.
"""

import json
import signal
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import click

INTERRUPTED = 128 + signal.SIGINT


class Failure(click.ClickException):
    """The command could not be done; the message says why and, where possible, what to do."""


class Refusal(Failure):
    """The daemon answered with a problem (RFC 9457); it is shown as it came. ``hint`` is a member that we add: what
    only the caller's side knows about it."""

    def __init__(self, problem: Mapping[str, Any], hint: str | None = None) -> None:
        detail = str(problem.get("detail", problem.get("title", "the daemon refused")))
        super().__init__(detail if hint is None else f"{detail}; {hint}")
        self.problem = problem if hint is None else {**problem, "hint": hint}

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(json.dumps(self.problem, indent=2, ensure_ascii=False), file=file or sys.stderr)


@contextmanager
def quiet_interrupt() -> Generator[None]:
    """Turns Ctrl-C into its exit status."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
