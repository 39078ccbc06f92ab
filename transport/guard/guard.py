"""The guard: who makes a request, whether they may, and whether it is too much.

Everything here is asked once for a request, or for a command on a WebSocket; nothing for an event.
"""

import re
from collections.abc import Mapping, Sequence

import trio

from ...actors.public import Grant, TokenKeeper, anyones_grant, own_grant
from ...schema.access.scopes import Scope
from ...schema.api.commands import Command
from ...schema.problems import (
    Problem,
    insufficient_scope,
    invalid_request,
    permission_denied,
    session_not_found,
    token_invalid,
    too_many_requests,
)
from ...schema.settings import Settings
from ..http.admission import network
from ..http.paths import decode_ids
from ..route import Route
from .auth import Auth, candidates
from .buckets import Buckets
from .failed_logins import FailedLogins
from .leases import Leases
from .tickets import Tickets


class Guard:
    """One per server. ``routes`` are those of the API."""

    def __init__(self, auth: Auth, keeper: TokenKeeper, settings: Settings, routes: Sequence[Route]) -> None:
        self._auth = auth
        self._keeper = keeper
        self._own = own_grant()
        self._anyone = anyones_grant()
        self._for_tickets = [(_pattern(route), route) for route in routes if route.ticket]
        self._by_token = Buckets(settings.token_requests, settings.token_request_burst)
        self._by_address = Buckets(settings.address_requests, settings.address_request_burst)
        self._failed = FailedLogins(settings.failed_logins)
        self.tickets = Tickets(settings.ticket_lifetime, settings.max_tickets, keeper)
        self.leases = Leases(keeper)

    def __repr__(self) -> str:
        return f"<Guard {self._keeper!r} {self._failed!r} {self.tickets!r} {self.leases!r}>"

    @property
    def required(self) -> bool:
        """Whether a token is demanded at all."""
        return self._auth.required

    # Who.

    def by_header(self, authorization: str, address: str) -> Grant:
        """Raises a 401 problem, or a 429 one when there were too many of them."""
        if not self.required:
            return self._anyone
        for given in candidates(authorization):
            if (grant := self._find(given)) is not None:
                return grant
        raise self._failed.note(address, "header")

    def by_frame(self, token: str, address: str) -> Grant:
        """Of a WebSocket's first frame. Raises as :meth:`by_header`."""
        grant = self._find(token.encode("utf-8", "surrogatepass")) if self.required else self._anyone
        if grant is None:
            raise self._failed.note(address, "frame")
        return grant

    def by_ticket(self, ticket: str, path: str, address: str) -> Grant:
        """``path`` is canonical, below the base path. The ticket is used up. Raises as :meth:`by_header`."""
        grant = self.tickets.use(ticket, path) if self.required else self._anyone
        if grant is None:
            raise self._failed.note(address, "ticket")
        return grant

    def by_nothing(self) -> Grant:
        """Of who shows nothing. Raises a 401 problem where a token is demanded."""
        if self.required:
            raise token_invalid()
        return self._anyone

    def _find(self, given: bytes) -> Grant | None:
        return self._own if self._auth.is_own(given) else self._keeper.find(given)

    # How much.

    def pace(self, grant: Grant | None, address: str) -> None:
        """One more request, or command. ``grant`` is None when no token was shown. What is asked with a token counts
        as that token's, wherever it comes from, and never as its address's. Raises a 429 problem."""
        now = trio.current_time()
        if grant is None:
            if seconds := self._by_address.take(network(address), now):
                raise too_many_requests("this address without a token", "--address-requests", seconds)
        elif grant is self._anyone:  # then an address is all that tells clients apart
            if seconds := self._by_token.take(f"@{network(address)}", now):
                raise too_many_requests("this address", "--token-requests", seconds)
        elif seconds := self._by_token.take(grant.name, now):
            raise too_many_requests(f"token {grant.name!r}", "--token-requests", seconds)

    # Whether.

    def permit(self, grant: Grant, route: Route, ids: Mapping[str, str]) -> None:
        """Raises a 403 problem for what the token may not do, and to one of a session, for every other session, the 404
        of one that does not exist: also a create would tell that an id is taken."""
        for scope in route.scopes:
            _check_scope(grant, scope)
        if grant.session_id is None:
            return
        if route.of_session:
            if ids["session_id"] != grant.session_id:
                raise session_not_found(ids["session_id"])
        elif not route.limited:
            raise _beyond_session(grant)

    def permit_command(self, grant: Grant, command: Command) -> None:
        """On a WebSocket, where a token may have been revoked since it was shown. Raises a problem."""
        if self._keeper.over(grant) is not None:
            raise token_invalid("the token of this connection holds no more")
        _check_scope(grant, command.scope)

    def check_ticket(self, grant: Grant, path: str) -> None:
        """Raises a problem where a GET of ``path`` could not be made with a ticket, or not with this token."""
        for pattern, route in self._for_tickets:
            if found := pattern.fullmatch(path):
                self.permit(grant, route, decode_ids(found.groupdict()))
                return
        paths = ", ".join(route.path for _, route in self._for_tickets)
        raise invalid_request(f"a ticket is for one of {paths}; `path` is none of them")


def _pattern(route: Route) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path)))


def _check_scope(grant: Grant, scope: Scope) -> None:
    if not grant.allows(scope):
        raise insufficient_scope(grant.name, scope, grant.scopes)


def _beyond_session(grant: Grant) -> Problem:
    return permission_denied(
        f"token {grant.name!r} is for session {grant.session_id!r} alone, and this is about all of them, or the daemon"
    )
