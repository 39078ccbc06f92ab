"""The command ``sandbox-agent``. Exit status: 0 done, 1 failed, 2 wrong usage."""

from pathlib import Path
from typing import Any

import click

from .failure import quiet_endings
from .lazy import Home, LazyGroup
from .token_options import TokenChoice, token_options

COMMANDS = {
    "server": Home(".server", "server", "Run the daemon."),
    "daemon": Home(".daemon.group", "daemon", "Start the daemon in the background, stop it, look at it."),
    "api": Home(".api.group", "api", "Call a running daemon."),
    "credentials": Home(".credentials", "credentials", "Find the agents' credentials."),
    "install-agent": Home(".install_agent", "install_agent", "Install an agent, or all of them."),
    "demo": Home(".demo.command", "demo", "Run one session and show its transcript."),
}


class Root(LazyGroup):
    """Every command ends through here, whatever it is."""

    def invoke(self, ctx: click.Context) -> Any:
        with quiet_endings():
            return super().invoke(ctx)


@click.group(cls=Root, homes=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sandbox-agent", message="%(prog)s %(version)s", prog_name="sandbox-agent")
@token_options
@click.pass_context
def main(ctx: click.Context, token: str | None, token_file: Path | None, no_token: bool) -> None:
    """One API over the coding agents in a sandbox: sessions, events, streams, permissions and questions.

    The token options may stand before the command or after it.
    """
    ctx.obj = TokenChoice(token, token_file, no_token)


if __name__ == "__main__":
    main(prog_name="sandbox-agent")
