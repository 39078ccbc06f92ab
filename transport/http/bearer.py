"""The bearer of a request: the connection that brought it, as far as the request may know it.

It stands in the ASGI scope's ``state``, which hypercorn copies from the connection to each of its requests.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from ..listening.prover import Channel

KEY = "bearer"


class Bearer(Protocol):
    @property
    def channel(self) -> Channel:
        """What tells this connection from every other."""
        ...

    def trust(self, name: str) -> bool:
        """A valid token of this name was shown, or none is demanded: this connection counts as its address's no more.
        False, and nothing has changed, when there are too many connections of that token."""
        ...

    async def want_body(self) -> None:
        """Nothing speaks against the request: a client that waits to be asked for its body is asked now."""
        ...


def address_of(scope: Mapping[str, Any]) -> str:
    """Where the request comes from; empty where that has no address."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def bearer_of(scope: Mapping[str, Any]) -> Bearer:
    return cast("Bearer", scope["state"][KEY])
