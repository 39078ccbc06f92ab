"""The endpoint: which daemon to call, as ``--endpoint`` and its variable say it."""

import re
from urllib.parse import urlsplit

import click

from ..endpoint import Endpoint

EXAMPLE = "http://127.0.0.1:2468"


def read_endpoint(text: str) -> Endpoint:
    """Raises a usage error for what is neither ``http(s)://host[:port][/path]`` nor ``unix:/path``. No message
    holds what stands where a password or a query would: some people put tokens there."""
    if text.startswith("unix:"):
        try:
            return Endpoint.parse(text)
        except ValueError as error:
            raise click.UsageError(f"--endpoint: {error}") from error
    shown = re.sub(r"//[^/]*@", "//…@", text.partition("?")[0].partition("#")[0])
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise click.UsageError(f"--endpoint {shown!r} is not a URL: it must look like {EXAMPLE}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"--endpoint {shown!r} must look like {EXAMPLE} or unix:/run/me/api.sock")
    if "@" in parts.netloc:
        raise click.UsageError(
            f"--endpoint {shown!r} must not hold a user or a password: give the token with --token-file, or in "
            "SANDBOX_AGENT_TOKEN"
        )
    if "?" in text or "#" in text:
        raise click.UsageError(f"--endpoint {shown!r} must end with its path: a query or a fragment goes nowhere")
    return Endpoint.parse(text)
