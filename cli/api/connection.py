"""The options that every ``api`` command shares, and the client that they make.

They may stand after the command, after its group, or after ``api``: the innermost wins.
"""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from ...schema.settings import Settings
from ..endpoint import CA_VARIABLE, ENDPOINT_VARIABLE
from ..extras import without
from ..here import exists
from ..seconds import Seconds
from ..setting_options import build_settings, variable_name
from ..suggestions import SuggestingGroup
from ..token_options import TokenChoice, token_options
from ..token_store import FoundToken, find_given, read_token, stored_path
from .endpoint import EXAMPLE

F = TypeVar("F", bound=Callable[..., Any])

DATA_DIR_VARIABLE = variable_name("data_dir")
DEFAULT_TIMEOUT = 120.0
EXTRAS = ("anyio", "h2", "pygments", "rich", "trio")
"""What httpx would take along, in as long again: a command has one connection of HTTP/1.1 at a time, and no colours."""


def find_client_token(choice: TokenChoice, ours: bool) -> FoundToken | None:
    """The token to send, and where it was found. The stored one is for a daemon of ours: it is never sent anywhere
    else."""
    if choice.none:
        return None
    if given := find_given(choice):
        return given
    if ours and exists(path := stored_path()):
        return FoundToken(read_token(path, private=True), f"the stored token {path}")
    return None


def endpoint_of(given: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The daemon to call: as an option said, else the environment; None for the one of the data directory. An empty
    variable says nothing."""
    return given if given is not None else environ.get(ENDPOINT_VARIABLE) or None


def settings_of(data_dir: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Those by which a daemon is found."""
    return build_settings({"data_dir": data_dir if data_dir is not None else environ.get(DATA_DIR_VARIABLE, "")})


def connection_options(command: F) -> F:
    """Adds ``endpoint``, ``timeout`` and the token options; each is None, or off, where it is not said. The environment
    is read later: an option of an outer group must win over it."""
    options = (
        click.option(
            "-e",
            "--endpoint",
            metavar="URL",
            help="The daemon to call, also unix:/run/me/api.sock; else "
            f"{ENDPOINT_VARIABLE}, else the one that runs for the data directory, on "
            f"whatever port, else {EXAMPLE}.",
        ),
        click.option(
            "--data-dir",
            metavar="DIRECTORY",
            help=f"The data directory whose daemon is ours; else {DATA_DIR_VARIABLE}, else the default of `server`.",
        ),
        click.option(
            "--tls-ca",
            metavar="FILE",
            help=f"Certificates of the authorities that may sign an https:// daemon's; else {CA_VARIABLE}, else the "
            "system's.",
        ),
        click.option(
            "--timeout",
            type=Seconds(min=0, min_open=True),
            metavar="SECONDS",
            help=f"Longest wait for an answer, by default {DEFAULT_TIMEOUT:g}; streams and installs have no limit.",
        ),
        token_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def area(callback: Callable[[], None]) -> click.Group:
    """A group of ``api`` commands. What its options say is found by the command, in the contexts around it."""

    @connection_options
    @wraps(callback)
    def enter(**_: Any) -> None:
        callback()

    return click.group(cls=SuggestingGroup, no_args_is_help=True)(enter)


def said(ctx: click.Context | None, name: str) -> Any:
    """What was said for an option, nearest to the command; None when nowhere."""
    while ctx is not None:
        if (value := ctx.params.get(name)) is not None:
            return value
        ctx = ctx.parent
    return None


def said_token(ctx: click.Context | None) -> TokenChoice:
    choice = TokenChoice()
    while ctx is not None:
        here = ctx.params
        choice = choice.or_else(TokenChoice(here.get("token"), here.get("token_file"), bool(here.get("no_token"))))
        ctx = ctx.parent
    return choice


def with_client(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the shared options to a command, which gets a :class:`Client` as its first argument instead of them."""

    @connection_options
    @click.pass_context
    @wraps(command)
    def run(
        ctx: click.Context,
        *,
        endpoint: str | None,
        timeout: float | None,
        data_dir: str | None,
        tls_ca: str | None,
        token: str | None,
        token_file: Path | None,
        no_token: bool,
        **arguments: Any,
    ) -> None:
        with without(*EXTRAS):  # httpx takes longer to import than all of --help may take
            from .client import Client
            from .proven import identity_of
            from .target import find_target

        del (
            endpoint,
            timeout,
            data_dir,
            tls_ca,
            token,
            token_file,
            no_token,
        )  # found again with those of the groups around us
        target = find_target(endpoint_of(said(ctx, "endpoint")), settings_of(said(ctx, "data_dir")))
        choice, identity = said_token(ctx), identity_of(target)
        with Client(
            target.endpoint,
            find_client_token(choice, identity is not None),
            said(ctx, "timeout") or DEFAULT_TIMEOUT,
            no_token=choice.none,
            identity=identity,
            authorities=said(ctx, "tls_ca") or os.environ.get(CA_VARIABLE) or None,
        ) as client:
            command(client, **arguments)

    return run


def session_path(session_id: str, *rest: str) -> str:
    """The path of a session or of something in it. Ids are the client's own words and may hold any character."""
    return "/v1/sessions/" + "/".join(quote(part, safe="") for part in (session_id, *rest))
