"""What people are told when the daemon is ready: how they may call it."""

import shlex
from pathlib import Path

from ...schema.access.loopback import is_loopback
from ..endpoint import Endpoint
from .server_options import ServerOptions


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
