"""Admission: how many connections there may be, in all and of one address, and which one goes when one too many comes.

A connection costs a descriptor and some memory before it has said anything. Whoever opens a thousand and says nothing
must not keep out a client that has a token, also one of the same address. So no newcomer is refused for what others of
its address do: the oldest of them that has shown no token goes instead.
"""

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Protocol

PREFIX = 64
"""Bits of an IPv6 address that name a client's network: it has all addresses below."""


class Admitted(Protocol):
    @property
    def idle(self) -> bool:
        """No request of it is being answered."""
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
        # Dicts for their order: the oldest come first.
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
        """False when there is no room, and nobody who could make some."""
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
        """``token`` is the name of the one that was shown; an empty one has no bound. False, and nothing has changed,
        when it has all the connections that it may have, and every one is busy."""
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
        """It has no request now, or has one again. Kept in order, for one that rests can be closed at any time."""
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
    """The first that has said nothing, or said all that it wanted; the first of all when every one is being answered:
    it has had the most time for it."""
    return next((connection for connection in untrusted if connection.idle), next(iter(untrusted)))


def network(address: str) -> str:
    """What counts as one client's address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> (128 - PREFIX) << (128 - PREFIX)))
