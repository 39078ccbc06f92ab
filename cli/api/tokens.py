"""``sandbox-agent tokens``: the tokens of a running daemon, beside its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from ...schema.access.scopes import SCOPES
from ..suggestions import SuggestingChoice
from .connection import area, with_client

if TYPE_CHECKING:
    from .client import Client


@area
def tokens() -> None:
    """Give out tokens, and take them back. It takes the daemon's own token, or one with the scope `admin`."""


@tokens.command()
@click.argument("name")
@click.option(
    "-s",
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=SuggestingChoice(SCOPES),
    help="What it may do; repeat. admin implies the others.",
)
@click.option("--session", metavar="ID", help="The only session that it is for.")
@click.option("--expires-in", type=click.IntRange(min=1), metavar="SECONDS", help="How long it holds; else for ever.")
@with_client
def create(client: Client, name: str, scopes: tuple[str, ...], session: str | None, expires_in: int | None) -> None:
    """Create a token, and print its secret: this once, and nowhere else. What is known of it goes to stderr."""
    body = {"name": name, "scopes": list(scopes), "sessionId": session, "expiresIn": expires_in}
    made = client.call("POST", "/v1/tokens", body=body)
    click.echo(made["token"])
    click.echo(json.dumps(made["info"], indent=2, ensure_ascii=False), err=True)


@tokens.command("list")
@with_client
def list_tokens(client: Client) -> None:
    """List the tokens: name, scopes, session, expiry, last use. Nobody can tell the secrets."""
    client.show("GET", "/v1/tokens")


@tokens.command()
@click.argument("name")
@with_client
def revoke(client: Client, name: str) -> None:
    """Refuse a token from now on, and end its streams."""
    client.show("DELETE", f"/v1/tokens/{quote(name, safe='')}")
