"""The screen: the checks of each request before its handler: its token, and its rate limit."""

from collections.abc import Mapping, MutableMapping
from typing import Any, cast

from quart import Request

from ...actors.public import Grant
from ...schema.access.tokens import RESERVED
from ...schema.base_path import below
from ...schema.problems import Problem, too_many_connections_of
from ..http.bearer import address_of, bearer_of
from ..http.paths import NOWHERE, canonical_path
from ..route import Route
from .guard import Guard
from .tickets import PARAMETER

KEY = "sandbox_agent.grant"
"""A key of a request's ASGI scope."""


def screen_request(guard: Guard, asked: Request, route: Route | None, base_path: str) -> None:
    """``route`` is None where there is no operation. Raises a 401 problem for an operation that needs a token, and a
    429 one beyond the rate limit. Scopes are checked later, where the parts of the path are known.

    A wrong token counts also where no token is needed: otherwise tokens could be tried there without a trace.
    """
    address = address_of(asked.scope)
    needed = route is not None and not route.open
    grant: Grant | None = None
    refusal: Problem | None = None
    try:
        if (header := asked.headers.get("Authorization")) is not None:
            grant = guard.by_header(header, address)
        elif (ticket := ticket_of(asked, route)) is not None:
            path = below(base_path, canonical_path(asked.scope["raw_path"])) or NOWHERE
            grant = guard.by_ticket(ticket, path, address)
        elif needed:
            grant = guard.by_nothing()
    except Problem as problem:
        refusal = problem
    guard.pace(grant, address)
    if refusal is not None and needed:
        raise refusal
    if grant is not None:
        show(cast("MutableMapping[str, Any]", asked.scope), grant)


def ticket_of(asked: Request, route: Route | None) -> str | None:
    if route is None or not route.ticket or asked.method != "GET":
        return None
    return asked.args.get(PARAMETER)


def show(scope: MutableMapping[str, Any], grant: Grant) -> None:
    """From now on the connection counts for the token. Raises a 429 problem when a created token has too many."""
    name = "" if grant.name in RESERVED else grant.name  # who has the daemon's own may use all of it, as on wire 0.1
    if not bearer_of(scope).trust(name):
        raise too_many_connections_of(grant.name)
    scope[KEY] = grant


def grant_of(scope: Mapping[str, Any]) -> Grant:
    """The grant of a screened request that needed a token."""
    return cast("Grant", scope[KEY])
