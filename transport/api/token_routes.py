"""The routes of tokens and tickets."""

from ...schema.access.tokens import (
    CreateTicketRequest,
    CreateTicketResponse,
    CreateTokenRequest,
    CreateTokenResponse,
    TokenListResponse,
)
from ..route import Route, get, post
from . import token_handlers as handlers

ACCESS_ROUTES: tuple[Route, ...] = (
    get(
        "/v1/tokens",
        handlers.list_tokens,
        scopes=("admin",),
        tag="access",
        summary="List Tokens",
        description="What is known of each token that was created: never its secret.",
        success="The tokens, oldest first",
        answer=TokenListResponse,
    ),
    post(
        "/v1/tokens",
        handlers.create_token,
        scopes=("admin",),
        tag="access",
        summary="Create Token",
        description="The answer holds the secret, once: the daemon keeps its digest only. `admin` implies every other "
        "scope. A token of one session learns of no other one.",
        success="The token",
        body=CreateTokenRequest,
        answer=CreateTokenResponse,
        problems=(400, 409, 503),
    ),
    Route(
        method="DELETE",
        path="/v1/tokens/{name}",
        handler=handlers.revoke_token,
        scopes=("admin",),
        tag="access",
        summary="Revoke Token",
        description="It is refused from now on, and its open streams end. The daemon's own token cannot be revoked.",
        success="The token is revoked",
        status=204,
        problems=(400, 404, 503),
    ),
    post(
        "/v1/tickets",
        handlers.create_ticket,
        scopes=(),
        limited=True,
        tag="access",
        summary="Create Ticket",
        description="For a URL where no header can be set: an EventSource, or a download. It goes there as `?ticket=`, "
        "is good for one GET of the path within `--ticket-lifetime`, and does what the token may that asked for it.",
        success="The ticket",
        body=CreateTicketRequest,
        answer=CreateTicketResponse,
        problems=(400, 404),
    ),
)
