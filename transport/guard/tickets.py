"""Tickets: what stands in a URL where no header can be set (EventSource, a download), instead of a token.

A ticket is good for one GET of one path, for a minute, and does what its token may, for as long as that holds. It is
never written anywhere. Whatever was asked with it, it is used up then: one that turns up elsewhere was seen by others.
"""

import secrets

import trio
from attrs import frozen

from ...actors.public import Grant, TokenKeeper, digest_of
from ...schema.problems import too_many_tickets

PARAMETER = "ticket"
PREFIX = "sak_"
SECRET_BYTES = 32


@frozen
class _Ticket:
    """Good before both times: a clock that is set back, and a machine that stands still, give nobody more time."""

    grant: Grant
    path: str
    until: float
    until_ms: int


class Tickets:
    """``lifetime`` in seconds; ``most`` of one token at once."""

    def __init__(self, lifetime: float, most: int, keeper: TokenKeeper) -> None:
        self._lifetime = lifetime
        self._most = most
        self._keeper = keeper
        self._by_grant: dict[Grant, dict[bytes, _Ticket]] = {}
        self._grants: dict[bytes, Grant] = {}

    def __repr__(self) -> str:
        return f"<Tickets {len(self)}>"

    def __len__(self) -> int:
        return len(self._grants)

    def make(self, grant: Grant, path: str) -> tuple[str, int]:
        """The ticket, and until when it is good (milliseconds since 1970). ``path`` is canonical. Raises a 429
        problem."""
        self._forget_old(grant)
        mine = self._by_grant.setdefault(grant, {})
        if len(mine) >= self._most:
            raise too_many_tickets(self._most)
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        digest = digest_of(secret.encode())
        until_ms = self._keeper.now_ms() + int(1000 * self._lifetime)
        mine[digest] = _Ticket(grant, path, trio.current_time() + self._lifetime, until_ms)
        self._grants[digest] = grant
        return secret, until_ms

    def use(self, secret: str, path: str) -> Grant | None:
        """The grant of the token for which it was made; None when it is no ticket, or one for something else."""
        digest = digest_of(secret.encode("utf-8", "surrogatepass"))
        grant = self._grants.pop(digest, None)
        if grant is None:
            return None
        ticket = self._by_grant[grant].pop(digest)
        if not self._by_grant[grant]:
            del self._by_grant[grant]
        return grant if ticket.path == path and self._is_good(ticket) else None

    def _is_good(self, ticket: _Ticket) -> bool:
        now_ms = self._keeper.now_ms()
        in_time = trio.current_time() < ticket.until and now_ms < ticket.until_ms
        return in_time and ticket.grant.over(now_ms) is None

    def _forget_old(self, grant: Grant) -> None:
        """Of this token, and of those that hold no more: so there are never more than the bound for each of those."""
        now_ms = self._keeper.now_ms()
        for other in [one for one in self._by_grant if one is grant or one.over(now_ms) is not None]:
            for digest in [d for d, ticket in self._by_grant[other].items() if not self._is_good(ticket)]:
                del self._by_grant[other][digest], self._grants[digest]
            if not self._by_grant[other]:
                del self._by_grant[other]
