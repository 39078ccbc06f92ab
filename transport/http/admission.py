"""Admission: how many connections are allowed, in all and of one address, and which one is closed for a new one.

A connection takes a descriptor and some memory before it has sent anything. A client that opens a thousand silent
connections must not keep out a client with a token, also not one of the same address. So a new connection is not
refused because of others of its address: the oldest of these without a token is closed instead.
"""

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Protocol

PREFIX = 64
"""Bits of an IPv6 address that identify a client's network: the client can use all addresses in it."""


class Admitted(Protocol):
    @property
    def idle(self) -> bool:
        """No request on it is being answered."""
        ...

    def cut(self) -> None:
        """End it soon."""
        ...


class Admission:
    """``most`` connections in all, ``most_untrusted`` of one address on which no token was shown, ``most_of_token`` of
    one token; 0 for no bound."""

    def __init__(self, most: int, most_untrusted: int, most_of_token: int = 0) -> None:
        self._most = most
        self._most_untrusted = most_untrusted
        self._most_of_token = most_of_token
        # Dicts, for their order: the oldest come first.
        self._untrusted: dict[str, dict[Admitted, None]] = {}
        self._addresses: dict[Admitted, str] = {}
        self._trusted: dict[Admitted, str] = {}
        self._by_token: dict[str, dict[Admitted, None]] = {}
        self._resting: dict[Admitted, None] = {}

    def __repr__(self) -> str:
        return f"<Admission {len(self)} of {self._most}, {len(self._addresses)} without a token>"

    def __len__(self) -> int:
        return len(self._addresses) + len(self._trusted)

    def admit(self, connection: Admitted, address: str) -> bool:
        """False when there is no room and no connection that can be closed."""
        name = network(address)
        neighbours = self._untrusted.get(name, {})
        if len(neighbours) >= self._most_untrusted:
            self._cut(oldest(neighbours))
        elif len(self) >= self._most and not self._make_room():
            return False
        self._untrusted.setdefault(name, {})[connection] = None
        self._addresses[connection] = name
        return True

    def trust(self, connection: Admitted, token: str = "") -> bool:
        """``token`` is the name of the shown token; an empty name has no bound. False, and nothing has changed, when
        the token has all its connections and every one is busy."""
        known = self._trusted.get(connection)
        if known == token or (known is None and connection not in self._addresses):
            return True
        if token and 0 < self._most_of_token <= len(self._by_token.get(token, ())):
            resting = next((one for one in self._by_token[token] if one in self._resting), None)
            if resting is None:
                return False
            self._cut(resting)
        if known is None:
            self._forget_untrusted(connection)
        else:
            self._forget_trusted(connection)
        self._trusted[connection] = token
        self._by_token.setdefault(token, {})[connection] = None
        return True

    def rest(self, connection: Admitted, *, idle: bool) -> None:
        """The connection has no request now, or has one again. Kept in order: an idle one can be closed at any time."""
        self._resting.pop(connection, None)
        if idle and connection in self._trusted:
            self._resting[connection] = None

    def leave(self, connection: Admitted) -> None:
        if connection in self._addresses:
            self._forget_untrusted(connection)
        if connection in self._trusted:
            self._forget_trusted(connection)
        self._resting.pop(connection, None)

    def _make_room(self) -> bool:
        if self._addresses:
            self._cut(oldest(self._addresses))
        elif self._resting:
            self._cut(next(iter(self._resting)))
        else:
            return False
        return True

    def _cut(self, connection: Admitted) -> None:
        self.leave(connection)
        connection.cut()

    def _forget_trusted(self, connection: Admitted) -> None:
        token = self._trusted.pop(connection)
        others = self._by_token[token]
        del others[connection]
        if not others:
            del self._by_token[token]

    def _forget_untrusted(self, connection: Admitted) -> None:
        name = self._addresses.pop(connection)
        neighbours = self._untrusted[name]
        del neighbours[connection]
        if not neighbours:
            del self._untrusted[name]


def oldest(untrusted: Collection[Admitted]) -> Admitted:
    """The first connection without a request in progress; when all have one, the first of all, which had the most
    time."""
    return next((connection for connection in untrusted if connection.idle), next(iter(untrusted)))


def network(address: str) -> str:
    """The part of an address that counts as one client."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> (128 - PREFIX) << (128 - PREFIX)))
