"""The command ``sandbox-agent``. Exit status: 0 done, 1 failed, 2 wrong usage; docs/cli.md has the others."""

import sys
from pathlib import Path
from typing import Any

import click

from .failure import quiet_interrupt
from .lazy import Home, LazyGroup
from .output import OutputLost, take_over
from .token_options import TokenChoice, token_options

COMMANDS = {
    "server": Home(".server.command", "server", "Run the daemon."),
    "daemon": Home(".daemon.group", "daemon", "Start the daemon in the background, stop it, look at it."),
    "api": Home(".api.group", "api", "Call a running daemon."),
    "tokens": Home(".api.tokens", "tokens", "Give out tokens with scopes, and take them back."),
    "credentials": Home(".credentials", "credentials", "Find the agents' credentials."),
    "install-agent": Home(".installs.install_agent", "install_agent", "Install an agent, or all of them."),
    "demo": Home(".demo.command", "demo", "Run one session and show its transcript."),
    "completion": Home(".completion", "completion", "Print a script that completes commands in your shell."),
}


class Root(LazyGroup):
    """Every command begins and ends through here, whatever it is: also --help, --version and wrong usage."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        take_over()
        try:
            return super().main(*args, **kwargs)
        except SystemExit as done:
            sys.exit(_flushed(done.code))

    def invoke(self, ctx: click.Context) -> Any:
        with quiet_interrupt():
            return super().invoke(ctx)


def _flushed(status: str | int | None) -> str | int | None:
    """The status at which to end, once all that was printed is written. A status that says more than "done" stays."""
    try:
        with quiet_interrupt():
            sys.stdout.flush()
    except OutputLost as lost:
        lost.show()
        return status or lost.exit_code
    except click.exceptions.Exit as interrupted:
        return interrupted.exit_code
    return status


@click.group(cls=Root, homes=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="sandbox-agent", message="%(prog)s %(version)s")
@token_options
@click.pass_context
def main(ctx: click.Context, token: str | None, token_file: Path | None, no_token: bool) -> None:
    """One API over the coding agents in a sandbox: sessions, events, streams, permissions and questions.

    The token options may stand before the command or after it.
    """
    ctx.obj = TokenChoice(token, token_file, no_token)


if __name__ == "__main__":
    main(prog_name="sandbox-agent")
