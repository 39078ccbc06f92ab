"""What to say when the daemon answers 401: whether a token was sent, from where, and how to give one.

Never the token itself.
"""

from ..endpoint import Endpoint
from ..failure import Failure
from ..here import exists
from ..token_options import FILE_VARIABLE, TOKEN_VARIABLE
from ..token_store import FoundToken, stored_path

HOW = (
    f"give it with --token-file FILE, with --token, or in the environment as {TOKEN_VARIABLE} or {FILE_VARIABLE}; "
    "a daemon that made its token itself says at its start where it stored it"
)


def hint(token: FoundToken | None, endpoint: Endpoint, no_token: bool) -> str:
    if token is not None:
        return f"a token was sent, from {token.origin}, and it is not this daemon's: {HOW}"
    return f"no token was sent: {_why_none(endpoint, no_token)}; {HOW}"


def _why_none(endpoint: Endpoint, no_token: bool) -> str:
    if no_token:
        return "--no-token was said"
    try:
        path = stored_path()
    except Failure as no_home:
        return f"none was given, and none can be stored: {no_home.message}"
    if exists(path) and not endpoint.is_local:
        return f"none was given, and the stored one ({path}) is sent to this machine only"
    if exists(path):
        return (
            f"none was given, and the stored one ({path}) is sent only to the daemon of the data directory, which does "
            f"not listen at {endpoint}, or is too old to prove that it is the one (`sandbox-agent daemon status` tells "
            "where, --data-dir names another directory)"
        )
    return f"none was given, and none is stored ({path})"
