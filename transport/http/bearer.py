"""The bearer of a request: what a request may know of the connection that brought it.

It is in the ASGI scope's ``state``, which hypercorn copies from the connection to each of its requests.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from ..listening.prover import Channel

KEY = "bearer"


class Bearer(Protocol):
    @property
    def channel(self) -> Channel:
        """Identifies this connection among all others."""
        ...

    def trust(self, name: str) -> bool:
        """A valid token of this name was shown, or none is demanded: this connection no longer counts for its address.
        False, and nothing has changed, when that token has too many connections."""
        ...

    async def want_body(self) -> None:
        """The request is accepted: a client that waits for ``100 Continue`` gets it now."""
        ...


def address_of(scope: Mapping[str, Any]) -> str:
    """The address of the request's client; empty where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def bearer_of(scope: Mapping[str, Any]) -> Bearer:
    return cast("Bearer", scope["state"][KEY])
