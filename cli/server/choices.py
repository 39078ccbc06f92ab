"""Options that are checked before anything runs: ``server`` and ``daemon start`` refuse the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...schema.settings import Settings
from ...transport.guard.cors import Cors
from ...transport.guard.host_names import AllowedHosts
from ...transport.listening.unix_address import UnixAddress
from ..failure import Failure
from .no_token import ALLOW_NO_TOKEN, is_no_token_allowed

if TYPE_CHECKING:
    from ...transport.listening.tls import Certificates


def choose_hosts(names: Sequence[str], token_required: bool) -> AllowedHosts:
    """The hosts of --allow-host. Every host and no token is what a web page needs that rebinds its name to us, so
    that takes the environment's word too."""
    try:
        hosts = AllowedHosts.parse(names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if hosts.every and not token_required and not is_no_token_allowed():
        raise Failure(
            "--allow-host '*' with --no-token lets any web page that is open on this machine run commands here; "
            f"name the hosts, or set {ALLOW_NO_TOKEN}=1 if something else guards the port"
        )
    return hosts


def choose_cors(given: Mapping[str, Any], token_required: bool) -> Cors:
    """What the options say about other origins. There is no way around the second refusal: whatever guards the port
    lets the browser through in which the page is open."""
    try:
        cors = Cors(
            given["cors_allow_origin"],
            given["cors_allow_method"],
            given["cors_allow_header"],
            given["cors_allow_credentials"],
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if not token_required and (origin := cors.open_to_strangers) is not None:
        raise Failure(
            f"--cors-allow-origin {origin!r} with --no-token lets any web page that is open on this machine run "
            "commands here; name the origins, or drop --no-token"
        )
    return cors


def check_host(host: str) -> None:
    """Of a unix socket; an address is tried."""
    try:
        UnixAddress.parse(host)
    except ValueError as error:
        raise click.UsageError(f"--host: {error}") from error


def choose_certificates(given: Mapping[str, Any], settings: Settings) -> "Certificates | None":
    """What the options say about TLS."""
    certificate, key = given["tls_cert"], given["tls_key"]
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError("--tls-cert and --tls-key belong together; give both")
    if UnixAddress.parse(given["host"]) is not None:
        raise click.UsageError("a unix socket never leaves this machine and needs no TLS; leave --tls-cert out")
    from ...transport.listening.tls import Certificates, advice

    try:
        certificates = Certificates(certificate, key, settings.tls_reload_interval)
    except ValueError as error:
        raise Failure(str(error)) from error
    if (odd := advice(key)) is not None:
        click.echo(odd, err=True)
    return certificates


def log_place(file: Path | None, to_file: bool, settings: Settings) -> Path | None:
    """The file to log to; None for stderr. Two daemons at once would set each other's file aside, and of those that
    keep nothing there may be many."""
    if not to_file:
        return file
    if file is not None:
        raise click.UsageError("--log-file and --log-to-file exclude each other; give one")
    if settings.ephemeral:
        raise click.UsageError(
            "--log-to-file has one file for each data directory; with --ephemeral name one: --log-file"
        )
    from ..daemon_place import Place

    place = Place.of(settings)
    place.make()
    return place.log
