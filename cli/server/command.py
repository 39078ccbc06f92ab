"""``sandbox-agent server``: what the daemon is started with."""

import gc
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import field, frozen

from ...schema.access.token import check_length
from ...schema.settings import Settings
from ...transport.guard.cors import Cors
from ...transport.guard.host_names import AllowedHosts
from ...transport.listening.unix_address import UnixAddress
from ..endpoint import Endpoint
from ..extras import without
from ..failure import Failure
from ..here import absolute, exists
from ..loopback import is_loopback
from ..token_options import FILE_VARIABLE, TOKEN_VARIABLE, TokenChoice
from ..token_store import find_given, forget_token, make_token, read_token, stored_path, token_files
from ..user_home import data_place, tell_troubles
from .options import server_options
from .setting_options import build_settings

if TYPE_CHECKING:
    from ...transport.listening.tls import Certificates

ALLOW_NO_TOKEN = "SANDBOX_AGENT_ALLOW_NO_TOKEN"  # noqa: S105 - a variable's name


@frozen
class ServerToken:
    """``stored`` is the file that holds the token when it is ours; None when the caller gave the token, or none."""

    value: str | None = field(repr=False)
    stored: Path | None = None


@frozen(kw_only=True)
class ServerOptions:
    host: str
    port: int
    token: ServerToken
    allowed_hosts: AllowedHosts
    cors: Cors
    settings: Settings
    certificates: "Certificates | None" = None
    log: Path | None = None
    """None for stderr."""
    secret_files: tuple[Path, ...] = ()
    """What no agent may read: the daemon has read them."""
    trace: bool = False
    """What agents say is logged."""


def choose_token(choice: TokenChoice, host: str) -> ServerToken:
    """The token to demand. Without one, a host that others can reach is refused unless the environment allows it."""
    if choice.none:
        if not is_loopback(host) and os.environ.get(ALLOW_NO_TOKEN) != "1":
            raise Failure(
                f"--no-token on {host} lets anyone who can reach it run commands here; "
                f"drop --no-token, or set {ALLOW_NO_TOKEN}=1 if something else guards the port"
            )
        return ServerToken(None)
    if given := find_given(choice):
        return ServerToken(_long_enough(given.value, given.origin))
    path = stored_path()
    if not exists(path):
        return ServerToken(make_token(path), path)
    return ServerToken(_long_enough(read_token(path, private=True), f"the stored file {path}"), path)


def _long_enough(token: str, origin: str) -> str:
    try:
        return check_length(token)
    except ValueError as error:
        raise Failure(f"the token of {origin} {error}") from None


def choose_hosts(names: Sequence[str], token_required: bool) -> AllowedHosts:
    """The hosts of --allow-host. Every host and no token is what a web page needs that rebinds its name to us, so
    that takes the environment's word too."""
    try:
        hosts = AllowedHosts.parse(names)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if hosts.every and not token_required and os.environ.get(ALLOW_NO_TOKEN) != "1":
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
    from ..daemon.state import Place

    place = Place.of(settings)
    place.make()
    return place.log


def host_advice(options: ServerOptions) -> str | None:
    """Without a token, for who listens where names lead: they will ask by name, and be refused."""
    if options.token.value is not None or options.allowed_hosts or is_loopback(options.host):
        return None
    return "Without a token only requests by address are served; to be called by a name, start with --allow-host NAME."


def token_advice(url: str, path: Path) -> str:
    """How to use a stored token, without telling it: logs are read by more people than files."""
    quoted = shlex.quote(str(path))
    where = Endpoint.parse(url)
    way = "" if where.socket is None else f"--unix-socket {shlex.quote(where.socket)} "
    return (
        f"A token is required; it is stored in {path}. `sandbox-agent api` on this machine finds it there. Otherwise:\n"
        f'  curl {way}-H "Authorization: Bearer $(cat {quoted})" {where.url}/v1/agents'
    )


def name_unknown_variables() -> None:
    from .variables import unknown

    for sentence in unknown():
        click.echo(sentence, err=True)


def _close(token: str | None) -> None:
    """To agents, which may be programs of our user."""
    from ...actors.machine.own_process import close_to_others, wipe
    from ...schema.credentials.needs import secret_variables

    try:
        wipe({*secret_variables(), TOKEN_VARIABLE, FILE_VARIABLE}, token)
        close_to_others()
    except OSError as error:
        click.echo(f"Programs of this user can look into the daemon: {error}", err=True)


@click.command()
@server_options
@click.pass_obj
def server(outer: TokenChoice, **given: Any) -> None:
    """Run the daemon until SIGTERM or SIGINT. A second signal ends it at once.

    Prints one line on stdout when it is ready; logs go to stderr, or to --log-file. With neither a token nor
    --no-token it makes a token, stores it, and says where.
    """
    name_unknown_variables()
    choice = TokenChoice(given["token"], given["token_file"], given["no_token"]).or_else(outer)
    settings = build_settings(given)
    check_host(given["host"])
    log = log_place(given["log_file"], given["log_to_file"], settings)
    token = choose_token(choice, given["host"])
    options = ServerOptions(
        host=given["host"],
        port=given["port"],
        token=token,
        allowed_hosts=choose_hosts(given["allow_host"], token.value is not None),
        cors=choose_cors(given, token.value is not None),
        settings=settings,
        certificates=choose_certificates(given, settings),
        log=None if log is None else absolute(log),
        secret_files=tuple(map(absolute, token_files(choice))),
        trace=given["log_level"] == "debug",
    )
    forget_token()
    data_place(options.settings)
    gc.disable()  # a third of the time until ready went to collecting modules that live for ever
    with without("pygments", "rich"):  # for structlog and httpx to print in colours
        from ..logs.configure import configure_logs
        from .isolating import begin_search

        search = begin_search(options)  # another process: it runs while the rest is imported
        from .serve import run

    gc.freeze()
    gc.enable()
    _close(token.value)
    if log is not None and given["log_to_file"]:
        click.echo(f"logging to {log}", err=True)
    logs = configure_logs(given["log_level"], given["log_format"], log, options.settings)
    tell_troubles()
    run(options, search, logs)
