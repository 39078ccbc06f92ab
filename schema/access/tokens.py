"""Tokens and tickets: the bodies of ``/v1/tokens`` and ``/v1/tickets``. Only the answer that creates a token has its
secret."""

import re
from typing import Literal

import attrs
from attrs import field, frozen

from ..bounds import MAX_NAME, MAX_PATH
from ..fields import MAX_CHARS, bounded, optional
from ..problems import invalid_request
from .scopes import SCOPES, Scope

DEFAULT = "default"
"""The name of the daemon's own token, with which it is started; its scope is ``admin``."""
ANYONE = "anyone"
"""The name for every client of a daemon that demands no token."""
RESERVED = (DEFAULT, ANYONE)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SESSION_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,256}")
LONGEST_LIFE = 10 * 366 * 86400
"""Seconds."""


@frozen
class CreateTokenRequest:
    """``name`` is 1 to 64 letters, digits and ``. _ -``. A token with a ``session_id`` is for that session alone.
    ``expires_in`` is in seconds; without it the token holds until it is revoked."""

    name: str = field(metadata={MAX_CHARS: MAX_NAME})
    scopes: tuple[Scope, ...]
    session_id: str | None = bounded(MAX_NAME)
    expires_in: int | None = None


@frozen
class TokenInfo:
    """Times are milliseconds since 1970. ``last_used_at`` is null for one that was never used."""

    name: str
    scopes: tuple[Scope, ...]
    session_id: str | None
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    expired: bool


@frozen
class CreateTokenResponse:
    """``token`` is the secret. Nobody can tell it again: only its digest is kept."""

    token: str = field(repr=False)
    info: TokenInfo


@frozen
class TokenListResponse:
    """The tokens that were created, oldest first; the daemon's own is not among them."""

    tokens: tuple[TokenInfo, ...]


@frozen
class CreateTicketRequest:
    """``path`` is that of the API, without the base path and without a query: ``/v1/sessions/s/events/sse``."""

    path: str = bounded(MAX_PATH, attrs.NOTHING)
    method: Literal["GET"] = "GET"


@frozen
class CreateTicketResponse:
    """``ticket`` goes into the URL as ``?ticket=``. It is good for one request, until ``expires_at``, which is in
    milliseconds since 1970."""

    ticket: str = field(repr=False)
    expires_at: int


StreamEndReason = Literal["token_revoked", "token_expired"]


@frozen
class StreamEnded:
    """The last frame of a stream whose token holds no more. It stands in the stream like an event; the cursor is good
    for another token."""

    type: Literal["stream.ended"] = field(default="stream.ended", init=False)
    reason: StreamEndReason
    message: str | None = optional()


def check_request(request: CreateTokenRequest) -> None:
    """Raises a 400 problem that says what is allowed."""
    if not NAME.fullmatch(request.name):
        raise invalid_request(
            "`name` must be 1 to 64 letters, digits, dots, underscores and hyphens, and begin with a letter or a digit",
        )
    if request.name.lower() in RESERVED:
        raise invalid_request(f"`name` must not be one of {', '.join(RESERVED)}: these are the daemon's own")
    if not request.scopes:
        raise invalid_request(f"`scopes` must name at least one of {', '.join(SCOPES)}")
    if request.session_id is not None and not SESSION_ID.fullmatch(request.session_id):
        raise invalid_request("`sessionId` must be 1 to 256 characters without control characters")
    if request.expires_in is not None and not 0 < request.expires_in <= LONGEST_LIFE:
        raise invalid_request(f"`expiresIn` must be 1 to {LONGEST_LIFE} seconds; got {request.expires_in}")
