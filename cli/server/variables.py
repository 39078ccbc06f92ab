"""The environment variables that we read, in one table, and those that look like ours and are not.

A variable that is mistyped has no effect and nobody notices: so it is named when a daemon starts. It is no error: other
programs and older versions may have variables of that name.
"""

import os
import re
from collections.abc import Mapping

import click

from ..endpoint import CA_VARIABLE, ENDPOINT_VARIABLE
from ..setting_options import fields, variable_name
from ..suggestions import did_you_mean
from ..token_options import FILE_VARIABLE, TOKEN_VARIABLE
from .click_options import ALLOW_HOST
from .no_token import ALLOW_NO_TOKEN

PREFIX = "SANDBOX_AGENT_"

KNOWN: Mapping[str, str] = {
    TOKEN_VARIABLE: "the token",
    FILE_VARIABLE: "a file that holds the token",
    ENDPOINT_VARIABLE: "the daemon that `api` calls",
    CA_VARIABLE: "authorities that may sign its certificate",
    ALLOW_NO_TOKEN: "`1` lets `--no-token` stand on a host that others can reach",
    ALLOW_HOST: "names by which a daemon without a token may be called",
    **{variable_name(field.name): field.metadata["meaning"] for field in fields()},
}
"""What a user may set, and what it means."""

OTHERS = frozenset(
    {
        "FAILPOINT",
        "FORBID_SKIPS",
        "FUZZ_LINES",
        "KILLS",
        "PROCESS",
        "RECONNECTS",
        "REFERENCE_OPENAPI",
        "SOAK_SECONDS",
        "TEST_LIFE",
    }
)
"""What our tests and the daemon itself set, after ``SANDBOX_AGENT_``."""

FORMER: Mapping[str, str] = {
    "LOG_DIR": "--log-file names the log",
    "LOG_STDOUT": "logs go to stderr, or to --log-file",
    "LOG_HTTP": "--log-level warning leaves requests out of the log",
    "LOG_HTTP_HEADERS": "headers are never logged",
    "TELEMETRY_DEBUG": "there is no telemetry",
}
"""Variables of 0.1, and what there is instead."""

KUBERNETES = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")
"""What Kubernetes sets in every container when a Service is named ``sandbox-agent``; see also :func:`unknown`."""


def unknown(environ: Mapping[str, str] = os.environ) -> list[str]:
    """One sentence for each variable that begins as ours do and is none."""
    found: list[str] = []
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest == name or name in KNOWN or rest in OTHERS or KUBERNETES.fullmatch(rest):
            continue
        if rest == "PORT" and "://" in environ[name]:
            continue  # Kubernetes again
        said = f" In this version {FORMER[rest]}." if rest in FORMER else did_you_mean(name, KNOWN, 1)
        found.append(f"{name} is no variable of sandbox-agent and has no effect.{said}")
    return found


def name_unknown_variables() -> None:
    """On stderr, one line each."""
    for sentence in unknown():
        click.echo(sentence, err=True)
