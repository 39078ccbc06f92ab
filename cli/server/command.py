"""``sandbox-agent server``: what the daemon is started with."""

import gc
from typing import Any

import click

from ..extras import without
from ..here import absolute
from ..setting_options import build_settings
from ..token_options import FILE_VARIABLE, TOKEN_VARIABLE, TokenChoice
from ..token_store import forget_token, token_files
from ..user_home import data_place, tell_troubles
from .choices import check_host, choose_certificates, choose_cors, choose_hosts, log_place
from .click_options import server_options
from .server_options import ServerOptions
from .server_token import choose_token


def _close(token: str | None) -> None:
    """To agents, which may be programs of our user."""
    from ...actors.machine.own_process import close_to_others, wipe
    from ...schema.credentials.credential import secret_variables

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
    from .variables import name_unknown_variables

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
