"""Handlers of tokens and tickets, named by their operation ids."""

from ...schema.access.tokens import (
    CreateTicketRequest,
    CreateTicketResponse,
    CreateTokenResponse,
    TokenListResponse,
)
from ...schema.base_path import below
from ...schema.problems import invalid_request
from ..http.paths import canonical_path
from .call import Call


async def list_tokens(call: Call) -> TokenListResponse:
    return TokenListResponse(call.daemon.tokens.list())


async def create_token(call: Call) -> CreateTokenResponse:
    if not call.guard.required:
        raise invalid_request("this daemon demands no token (--no-token), so one would keep nobody out")
    secret, info = await call.daemon.tokens.create(call.body)
    return CreateTokenResponse(secret, info)


async def revoke_token(call: Call) -> None:
    await call.daemon.tokens.revoke(call.ids["name"])


async def create_ticket(call: Call) -> CreateTicketResponse:
    """Refused where the token itself would be: a ticket does nothing that its token could not."""
    body: CreateTicketRequest = call.body
    path = _path(body.path, call.daemon.settings.base_path)
    call.guard.check_ticket(call.grant, path)
    return CreateTicketResponse(*call.guard.tickets.make(call.grant, path))


def _path(text: str, base_path: str) -> str:
    """Canonical, below the base path, which may be there or not. Raises a 400 problem."""
    if "?" in text or "#" in text:
        raise invalid_request("`path` must be a path alone: the query is said when the ticket is used")
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise invalid_request("`path` must be a path of this API as it stands in a URL: /v1/sessions/s/events/sse")
    path = canonical_path(text.encode("ascii"))
    return below(base_path, path) or path
