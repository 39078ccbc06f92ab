"""Failed logins: wrong tokens, by the address that sent them.

A valid token is accepted whatever its address did before: on one machine, or behind one proxy, all clients have the
same address, and a client that guesses must not lock the others out. So this only slows down clients that wait for
answers, and bounds the log; guesses fail because of the length of a token.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import structlog
import trio

from ...schema.problems import Problem, token_invalid, too_many_failures
from ..http.admission import network
from .buckets import Buckets

QUIET = 60.0
"""Seconds between two log lines about one address. The later line has the number of failures in between."""
LINES_AT_ONCE = 20
LINES_PER_SECOND = 0.2
"""Most lines for all addresses together: a client with a whole network of addresses cannot fill the disk."""

Shown = Literal["header", "frame", "ticket"]

MESSAGES: Mapping[Shown, str] = MappingProxyType(
    {
        "header": "missing or invalid token",
        "frame": "missing or invalid token",
        "ticket": "the ticket was used, has expired, or is for another path; ask for a new one",
    }
)

_log = structlog.get_logger("sandbox_agent.transport")


class FailedLogins:
    """``per_minute`` wrong tokens of an address get a 401, more get a 429; 0 for no bound."""

    def __init__(self, per_minute: int) -> None:
        self._allowed = Buckets(per_minute / 60, per_minute)
        self._by_address = Buckets(1 / QUIET, 1)
        self._lines = Buckets(LINES_PER_SECOND, LINES_AT_ONCE)
        self._unsaid = 0

    def __repr__(self) -> str:
        return f"<FailedLogins {len(self._by_address)} addresses>"

    def __len__(self) -> int:
        return len(self._by_address)

    def note(self, address: str, shown: Shown) -> Problem:
        """The problem to answer. ``shown`` is the form in which the wrong token came."""
        name, now = network(address), trio.current_time()
        seconds = self._allowed.take(name, now)
        self._tell(name, address, shown, now)
        return too_many_failures(seconds) if seconds else token_invalid(MESSAGES[shown])

    def _tell(self, name: str, address: str, shown: Shown, now: float) -> None:
        if self._by_address.take(name, now) or self._lines.take("", now):
            self._unsaid += 1
            return
        _log.warning("a wrong token was shown", address=address, shown=shown, others_since_last_line=self._unsaid)
        self._unsaid = 0
