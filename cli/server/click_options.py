"""The options of the daemon, for the command that runs it here and the one that starts it in the background."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..setting_options import setting_options
from ..suggestions import SuggestingChoice
from ..token_options import token_options

ALLOW_HOST = "SANDBOX_AGENT_ALLOW_HOST"

F = TypeVar("F", bound=Callable[..., Any])


def server_options(command: F) -> F:
    options = (
        click.option(
            "-H",
            "--host",
            default="127.0.0.1",
            show_default=True,
            help="Address to listen on, or unix:/path/of/a/socket.",
        ),
        click.option(
            "-p",
            "--port",
            type=click.IntRange(0, 65535),
            default=2468,
            show_default=True,
            help="Port; 0 takes a free one.",
        ),
        token_options,
        click.option(
            "--tls-cert",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Speak TLS with this certificate and its chain, in PEM.",
        ),
        click.option(
            "--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="The certificate's private key, in PEM."
        ),
        click.option(
            "--allow-host",
            multiple=True,
            metavar="NAME",
            envvar=ALLOW_HOST,
            help="Host name that requests may be for without a token, like box.example.com or *.example.com; repeat. "
            f"* for every one. Env: {ALLOW_HOST}, with blanks between names.",
        ),
        click.option(
            "-O", "--cors-allow-origin", multiple=True, metavar="ORIGIN", help="Web origin that may call; repeat."
        ),
        click.option("-M", "--cors-allow-method", multiple=True, metavar="METHOD", help="Method it may use; repeat."),
        click.option("-A", "--cors-allow-header", multiple=True, metavar="HEADER", help="Header it may send; repeat."),
        click.option("-C", "--cors-allow-credentials", is_flag=True, help="Let it send credentials."),
        click.option(
            "--no-telemetry", is_flag=True, expose_value=False, help="Accepted for 0.1: there is no telemetry."
        ),
        click.option(
            "--log-level",
            type=SuggestingChoice(["debug", "info", "warning", "error"]),
            default="info",
            show_default=True,
            help="At debug all that agents say is logged too, with secrets masked.",
        ),
        click.option("--log-format", type=SuggestingChoice(["text", "json"]), default="text", show_default=True),
        click.option(
            "--log-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Log to this file, which is rotated, instead of stderr.",
        ),
        click.option(
            "--log-to-file",
            is_flag=True,
            help="Log to the file that `daemon start` would log to; which one that is, is told.",
        ),
        setting_options,
    )
    for option in reversed(options):
        command = option(command)
    return command
