"""The options that every ``api`` command shares, and the client that they make."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from ..here import exists
from ..loopback import is_loopback
from ..token_options import TokenChoice, token_options
from ..token_store import given_token, read_token, stored_path
from .endpoint import EXAMPLE, read_endpoint

DEFAULT_ENDPOINT = EXAMPLE
DEFAULT_TIMEOUT = 120.0


def client_token(choice: TokenChoice, endpoint: str) -> str | None:
    """The token to send. The stored one is this machine's daemon's: it is never sent anywhere else."""
    if choice.none:
        return None
    if given := given_token(choice):
        return given
    if is_loopback(read_endpoint(endpoint).hostname or "") and exists(path := stored_path()):
        return read_token(path, private=True)
    return None


def with_client(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the shared options to a command, which gets a :class:`Client` as its first argument instead of them."""

    @click.option(
        "-e",
        "--endpoint",
        envvar="SANDBOX_AGENT_ENDPOINT",
        default=DEFAULT_ENDPOINT,
        show_default=True,
        metavar="URL",
        help="The daemon to call. Env: SANDBOX_AGENT_ENDPOINT.",
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=DEFAULT_TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="Longest wait for an answer; streams and installs have no limit.",
    )
    @token_options
    @click.pass_obj
    @wraps(command)
    def run(
        outer: TokenChoice,
        *,
        endpoint: str,
        timeout: float,
        token: str | None,
        token_file: Path | None,
        no_token: bool,
        **arguments: Any,
    ) -> None:
        from .client import Client  # httpx takes longer to import than all of --help may take

        choice = TokenChoice(token, token_file, no_token).or_else(outer)
        with Client(endpoint, client_token(choice, endpoint), timeout) as client:
            command(client, **arguments)

    return run


def session_path(session_id: str, *rest: str) -> str:
    """The path of a session or of something in it. Ids are the client's own words and may hold any character."""
    return "/v1/sessions/" + "/".join(quote(part, safe="") for part in (session_id, *rest))
